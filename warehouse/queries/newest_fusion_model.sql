-- [fusion model]: the newest one; no row before the first
select f.fusion_id, f.fingerprint
from serving.fusion_models as f
order by f.created_at desc, f.fusion_id
limit 1
