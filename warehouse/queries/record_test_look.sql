-- [look at test]
insert into ops.test_looks (looked_at, split_hash, fusion_id, mlflow_run_id)
values (now(), $split_hash, $fusion_id, $mlflow_run_id)
