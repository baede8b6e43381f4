-- [event]: the whole log, a user's events in time order
select user_id, item_id, value, event_time
from core.interactions
order by user_id, event_time, item_id
