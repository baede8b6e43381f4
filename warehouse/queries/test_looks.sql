-- [look at test], oldest first
select looked_at, split_hash, fusion_id, mlflow_run_id
from ops.test_looks
order by looked_at
