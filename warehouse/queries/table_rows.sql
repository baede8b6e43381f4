-- one row: how many rows a table has
select count(*) as rows
from query_table([$schema || '.' || $table])
