-- [fusion model]: one, with all that was kept of it, or no row when it is unknown
select *
from serving.fusion_models
where fusion_id = $fusion_id
