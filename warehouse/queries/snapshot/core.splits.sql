-- [interaction, protocol]
select *
from core.splits
order by user_id, event_time, item_id
