-- [publication]: one, or no row when it is unknown
select
    publication_id, fusion_id, flow_run_id, data_fingerprint, lists_hash, state, created_at,
    coalesce(made_at, created_at) as made_at, origin_id, decision_id, model_version, mlflow_run_id
from serving.publications
where publication_id = $publication_id
