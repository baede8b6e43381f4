-- [fusion model]: one, or no row when it is unknown
select
    fusion_id, fingerprint, normaliser, diversity, reranker, category_cap, weights, model, halves, mlflow_run_id, created_at
from serving.fusion_models
where fusion_id = $fusion_id
