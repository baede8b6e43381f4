-- [item] among those listed ($items): what it is called
select item_id, title, year, categories
from core.items
where item_id in $items
