-- [MLflow run] behind a publication whose lists are kept ($kept): the search of its fusion model, and its own
with kept as (
    select fusion_id, mlflow_run_id
    from serving.publications
    where publication_id in $kept
)

select models.mlflow_run_id
from serving.fusion_models as models
inner join kept using (fusion_id)
union
select mlflow_run_id
from kept
where mlflow_run_id is not null
order by mlflow_run_id
