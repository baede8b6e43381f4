-- no row: the columns of matching.scores
select *
from matching.scores
limit 0
