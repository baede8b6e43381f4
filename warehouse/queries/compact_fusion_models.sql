-- [fusion model] older than $before of which no publication tells goes
delete from serving.fusion_models
where created_at < $before and fusion_id not in (select fusion_id from serving.publications)
