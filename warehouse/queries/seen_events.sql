-- [user, item, event type]: what users had
select distinct user_id, item_id, event_type
from core.interactions
order by user_id, item_id, event_type
