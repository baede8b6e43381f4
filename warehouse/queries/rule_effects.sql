-- [rule, effect] of one user in the publication that is served
select e.rule, e.effect, e.items
from serving.rule_effects as e
inner join serving.current as c using (publication_id)
where e.user_id = $user_id
order by e.rule, e.effect
