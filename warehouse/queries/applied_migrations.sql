-- [migration]
select name, content_hash
from main.applied_migrations
order by name
