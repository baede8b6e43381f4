-- [user, rule, effect] of this publication
select *
from serving.rule_effects
where publication_id = $publication_id
order by user_id, rule, effect
