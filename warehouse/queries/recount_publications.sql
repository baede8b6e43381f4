-- [publication] whose lists are kept: for how many users they are, after some of them were removed
update serving.publications as p
set users = counted.users
from (
    select publication_id, count(distinct user_id) as users
    from serving.recommendations
    group by publication_id
) as counted
where counted.publication_id = p.publication_id and p.users is distinct from counted.users
