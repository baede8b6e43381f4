-- [protocol, part]
select protocol, split_hash, part, count(*) as interactions, count(distinct user_id) as users
from core.splits
group by protocol, split_hash, part
order by protocol, min(event_time), part
