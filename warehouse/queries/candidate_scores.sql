-- [user, item, matcher] of a fit, for the matchers listed ($fit, $matchers): long, pivoted once for fusion
select user_id, item_id, matcher, score, own_rank, text_id
from matching.scores
where fit = $fit and matcher in $matchers
order by user_id, item_id, matcher
