-- [look at test]
select *
from ops.test_looks
order by looked_at
