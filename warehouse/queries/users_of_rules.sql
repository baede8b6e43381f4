-- [user], in the order of its id: all that business rules may go by
select user_id, age, gender, occupation, profile
from core.users
order by user_id
