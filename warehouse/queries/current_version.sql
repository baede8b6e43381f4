-- [publication]: the one that is served, as MLflow knows it; no row before the first
select p.publication_id, p.fusion_id, p.model_version, p.origin_id, p.decision_id
from serving.current as c
inner join serving.publications as p using (publication_id)
