-- [rule, user]
select *
from serving.rule_users
order by name, user_id
