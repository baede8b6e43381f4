-- [user]: one, or no row when it is unknown.
select user_id, age, gender, occupation
from core.users
where user_id = $user_id
