-- [fusion model]: one, or no row when it is unknown
select *
from serving.fusion_models
where fusion_id = $fusion_id
