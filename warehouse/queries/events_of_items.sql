-- [item] that has events: how many, the first and the last
select item_id, count(*) as events, min(event_time) as first_event_time, max(event_time) as last_event_time
from core.interactions
group by item_id
order by item_id
