-- [item] among those listed ($items): what it is called, and whether lists may hold it
select item_id, title, year, categories, coalesce(active, true) and coalesce(allowed, true) as recommendable
from core.items
where item_id in $items
