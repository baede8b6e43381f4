-- [item, slot] of the items listed ($items), with slot null where an item has no text: what is shown of them
select i.item_id, i.title, i.year, i.categories, live.slot, t.angle, t.text
from core.items as i
left join features.live_texts as live using (item_id)
left join features.texts as t using (text_id)
where i.item_id in $items
order by i.item_id, live.slot
