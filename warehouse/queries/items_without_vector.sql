-- [item] whose vector is missing or was made from other content
select items.item_id, items.title, items.year, items.categories, items.content_hash
from core.items as items
left join features.vectors_minilm as v
    on v.owner_kind = 'item' and v.owner_id = items.item_id and v.content_hash = items.content_hash
where v.owner_id is null
order by items.item_id
