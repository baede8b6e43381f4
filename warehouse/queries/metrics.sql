-- [model, part, metric]: the last evaluation
select model, part, metric, value, low, high
from evaluation.metrics
order by part, model, metric
