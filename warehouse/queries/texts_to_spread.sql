-- [item, slot]: live texts with their vectors and the hash of those of their item, of items of which a text was not yet
-- compared with the others
with live as (
    select
        l.item_id, l.slot, l.text_id, v.vector,
        md5(string_agg(v.content_hash, ',' order by l.slot) over (partition by l.item_id)) as among
    from features.live_texts as l
    inner join features.vectors_minilm as v on v.owner_kind = 'text' and v.owner_id = l.text_id
)

select item_id, slot, text_id, vector, among
from live
where item_id in (
    select item_id
    from live
    left join features.text_spread as s on s.text_id = live.text_id and s.among = live.among
    where s.text_id is null
)
order by item_id, slot
