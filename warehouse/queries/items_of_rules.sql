-- [item], in the order of its id: all that business rules may go by, which never reaches a prompt or a vector from here
select item_id, title, year, categories, description, content, attributes
from core.items
order by item_id
