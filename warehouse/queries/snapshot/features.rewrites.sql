-- [item, slot]: what became of the second pass
select item_id, slot, first_text_id, text_id, kept, reason
from features.rewrites
order by item_id, slot
