-- [fusion model]: one, or no row when it is unknown
select fusion_id, fingerprint, normaliser, diversity, weights, model, mlflow_run_id, model_version, created_at
from serving.fusion_models
where fusion_id = $fusion_id
