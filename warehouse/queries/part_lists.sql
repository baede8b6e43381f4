-- [model, part, user, rank]
select model, user_id, rank, item_id
from evaluation.lists
where model = $model and part = $part
order by user_id, rank
