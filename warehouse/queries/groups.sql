-- [model, part, group kind, group, metric]: the last evaluation
select model, part, group_kind, group_name, metric, members, users, value, low, high
from evaluation.groups
order by part, group_kind, group_name, model, metric
