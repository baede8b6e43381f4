-- [item, slot]: live texts with their vectors; a text without one is left out.
select live.item_id, live.slot, live.text_id, v.content_hash, v.vector
from features.live_texts as live
inner join features.vectors_minilm as v on v.owner_kind = 'text' and v.owner_id = live.text_id
order by live.item_id, live.slot
