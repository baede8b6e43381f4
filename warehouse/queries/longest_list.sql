-- one row: how many items the longest published list has
select max(r.rank) as longest
from serving.recommendations as r
inner join serving.current as c using (publication_id)
