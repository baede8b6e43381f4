-- [matcher, user, rank] of a fit: each matcher's own best $k items
select matcher, user_id, own_rank as rank, item_id
from matching.scores
where fit = $fit and own_rank <= $k
order by matcher, user_id, own_rank
