-- [rule]: a reader's own lists obey it
select *
from serving.rules
order by name
