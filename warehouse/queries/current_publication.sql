-- [publication]: the one that is served, with its fusion model; no row before the first
select
    p.publication_id, p.flow_run_id, p.data_fingerprint, p.lists_hash, p.state, p.created_at,
    f.fusion_id, f.normaliser, f.diversity, f.weights, f.mlflow_run_id
from serving.current as c
inner join serving.publications as p using (publication_id)
left join serving.fusion_models as f using (fusion_id)
