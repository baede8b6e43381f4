-- [item] that has a vector
select items.item_id, v.content_hash, v.vector
from core.items as items
inner join features.vectors_minilm as v on v.owner_kind = 'item' and v.owner_id = items.item_id
order by items.item_id
