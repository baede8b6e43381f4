-- [model, user] of a part and metric ($part, $metric)
select model, user_id, value
from evaluation.per_user
where part = $part and metric = $metric
order by model, user_id
