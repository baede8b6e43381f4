-- [model, other, part, metric]
select model, other, part, metric, best, difference, low, high
from evaluation.comparisons
order by part, metric, model, other
