-- [migration]: by these a reader sees which version wrote the snapshot
select *
from main.applied_migrations
order by name
