-- [item, slot]: live texts with their item's content and the hash of the item's live texts, of items of which a text
-- has no metrics beside the others yet
with live as (
    select *, md5(string_agg(text_id, ',' order by slot) over (partition by item_id)) as among
    from features.live_texts
),

stale as (
    select distinct live.item_id
    from live
    left join features.text_quality as q on q.text_id = live.text_id and q.among = live.among
    where q.text_id is null
)

select
    live.item_id, live.slot, live.text_id, live.among, t.angle, t.prompt, t.text, t.status,
    items.title, items.year, items.categories, items.description, items.content
from live
inner join stale using (item_id)
inner join features.texts as t using (text_id)
inner join core.items as items on items.item_id = live.item_id
order by live.item_id, live.slot
