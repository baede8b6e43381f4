-- [owner kind, owner id]
select owner_kind, owner_id, content_hash
from features.vectors_minilm
order by owner_kind, owner_id
