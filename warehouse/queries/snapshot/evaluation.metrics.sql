-- [model, part, metric]
select *
from evaluation.metrics
order by part, model, metric
