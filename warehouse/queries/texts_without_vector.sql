-- [text]: live texts whose vector is missing or was made otherwise (a text never changes), with their item's content
-- and the hash that their vector will have. A text's id depends on its prompt, which holds title, year and categories
-- whole, but perhaps fewer words of the rest than are encoded ($words): hence the item's hash.
with texts as (
    select distinct
        t.text_id, t.text, items.title, items.year, items.categories, items.description, items.content,
        t.text_id || $encoded_as || case
            when items.description is null and items.content is null then ''
            else ', ' || $words::integer || ' words of ' || items.content_hash
        end as content_hash
    from features.live_texts as live
    inner join features.texts as t using (text_id)
    inner join core.items as items on items.item_id = live.item_id
)

select texts.*
from texts
left join features.vectors_minilm as v
    on v.owner_kind = 'text' and v.owner_id = texts.text_id and v.content_hash = texts.content_hash
where v.owner_id is null
order by texts.text_id
