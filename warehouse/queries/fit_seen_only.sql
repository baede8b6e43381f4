-- [user, item] seen only, as the parts listed ($parts) know: what lists leave out beside a user's events
select distinct user_id, item_id
from core.seen_only
where part in $parts
order by user_id, item_id
