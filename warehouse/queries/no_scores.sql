-- [fit, matcher, user, item], but no row of it: the columns of matching.scores
select *
from matching.scores
limit 0
