-- [model, other, part, group kind, group, metric]
select *
from evaluation.group_comparisons
order by part, group_kind, group_name, metric, model, other
