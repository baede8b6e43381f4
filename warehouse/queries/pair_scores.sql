-- [user, item] of a fit and matcher: scores on the sample
select user_id, item_id, score
from matching.pair_scores
where fit = $fit and matcher = $matcher
order by user_id, item_id
