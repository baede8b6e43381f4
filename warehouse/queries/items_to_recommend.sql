-- [item] that may be recommended, in the order of its id. Nothing but content: no attributes.
select item_id, title, year, categories, description, content, content_hash
from core.items
where coalesce(active, true) and coalesce(allowed, true)
order by item_id
