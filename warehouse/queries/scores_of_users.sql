-- [user, item, matcher] of a fit, in no order, for the matchers listed ($fit, $matchers) and the users from $first to
-- $last: of many users they are read block by block
select user_id, item_id, matcher, score
from matching.scores
where fit = $fit and matcher in $matchers and user_id between $first and $last
