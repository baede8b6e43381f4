-- [user], in the order of its id: the dense code of a user is its position here.
select user_id, age, gender, occupation
from core.users
order by user_id
