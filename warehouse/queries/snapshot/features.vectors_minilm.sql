-- [owner kind, owner id]: of items and live texts, so that a reader can re-rank a list by another diversity
select v.*
from features.vectors_minilm as v
where (v.owner_kind = 'item' and v.owner_id in (select item_id from core.items))
    or (v.owner_kind = 'text' and v.owner_id in (select text_id from features.live_texts))
order by v.owner_kind, v.owner_id
