-- [part]
select *
from evaluation.judged
order by part
