-- [item], in the order of its id: the dense code of an item is its position here. Nothing but content: no attributes.
select item_id, title, year, categories, description, content, content_hash
from core.items
order by item_id
