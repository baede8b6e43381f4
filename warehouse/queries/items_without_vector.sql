-- [item] whose vector is missing or was made from other content, with the hash that its vector will have: for an item
-- that has more than title, year and categories, it says how many words of that ($words) are encoded.
with items as (
    select
        item_id, title, year, categories, description, content,
        content_hash || case
            when description is null and content is null then '' else ', ' || $words::integer || ' words'
        end as content_hash
    from core.items
)

select items.*
from items
left join features.vectors_minilm as v
    on v.owner_kind = 'item' and v.owner_id = items.item_id and v.content_hash = items.content_hash
where v.owner_id is null
order by items.item_id
