-- [event that shows no interest]: lists leave its item out
select *
from core.seen_only
order by user_id, event_time desc, item_id
