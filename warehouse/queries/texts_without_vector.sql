-- [text]: live texts whose vector is missing or was made otherwise (a text never changes), with their item's content
select distinct t.text_id, t.text, items.title, items.year, items.categories
from features.live_texts as live
inner join features.texts as t using (text_id)
inner join core.items as items on items.item_id = live.item_id
left join features.vectors_minilm as v
    on v.owner_kind = 'text' and v.owner_id = t.text_id and v.content_hash = t.text_id || $encoded_as
where v.owner_id is null
order by t.text_id
