-- [publication]: one, or no row when it is unknown
select publication_id, fusion_id, flow_run_id, data_fingerprint, lists_hash, state, created_at
from serving.publications
where publication_id = $publication_id
