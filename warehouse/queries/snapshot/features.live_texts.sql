-- [item, slot]
select *
from features.live_texts
order by item_id, slot
