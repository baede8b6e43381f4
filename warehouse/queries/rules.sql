-- [rule] of the table, by name, with the users whom it is for
select r.*, u.users
from serving.rules as r
left join (
    select name, list(user_id order by user_id) as users
    from serving.rule_users
    group by name
) as u using (name)
order by r.name
