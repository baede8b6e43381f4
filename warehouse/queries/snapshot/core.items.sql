-- [item]
select *
from core.items
order by item_id
