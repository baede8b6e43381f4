-- [item] of those listed ($items), with what prompts say of it
select item_id, title, year, categories, description, content
from core.items
where item_id in $items
order by item_id
