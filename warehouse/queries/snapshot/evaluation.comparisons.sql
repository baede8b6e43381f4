-- [model, other, part, metric]
select *
from evaluation.comparisons
order by part, metric, model, other
