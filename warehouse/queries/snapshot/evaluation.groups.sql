-- [model, part, group kind, group, metric]
select *
from evaluation.groups
order by part, group_kind, group_name, model, metric
