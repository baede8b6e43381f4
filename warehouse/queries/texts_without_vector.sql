-- [text]: live texts whose vector is missing (a text never changes, so it is never stale)
select distinct t.text_id, t.text
from features.live_texts as live
inner join features.texts as t using (text_id)
left join features.vectors_minilm as v on v.owner_kind = 'text' and v.owner_id = t.text_id
where v.owner_id is null
order by t.text_id
