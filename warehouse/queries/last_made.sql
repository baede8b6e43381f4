-- [publication]: the last whose lists were made, not brought back by a rollback, with its fusion model; no row before
-- the first
select p.publication_id, p.created_at, p.data_fingerprint, p.decision_id, p.fusion_id, f.mlflow_run_id
from serving.publications as p
left join serving.fusion_models as f using (fusion_id)
where p.origin_id is null
order by p.created_at desc, p.publication_id desc
limit 1
