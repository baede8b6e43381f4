-- [item] of those listed ($items), as items_to_recommend.sql gives it
select item_id, title, year, categories, description, content, content_hash
from core.items
where item_id in $items
order by item_id
