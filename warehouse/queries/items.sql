-- [item], in the order of its id: the dense code of an item is its position here.
select item_id, title, year, categories, content_hash
from core.items
order by item_id
