-- [user]
select *
from core.users
order by user_id
