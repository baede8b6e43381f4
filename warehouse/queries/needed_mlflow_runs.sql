-- [MLflow run] behind the fusion of a publication whose lists are kept ($kept)
select distinct models.mlflow_run_id
from serving.fusion_models as models
inner join serving.publications as publications using (fusion_id)
where publications.publication_id in $kept
order by models.mlflow_run_id
