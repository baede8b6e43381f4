-- [model, other, part, group kind, group, metric]
select model, other, part, group_kind, group_name, metric, best, difference, low, high
from evaluation.group_comparisons
order by part, group_kind, group_name, metric, model, other
