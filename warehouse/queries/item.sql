-- [item]: one, or no row when it is unknown.
select item_id, title, year, categories, content_hash
from core.items
where item_id = $item_id
