-- [event]: for histories; a user's rows lie together
select *
from core.interactions
order by user_id, event_time desc, item_id
