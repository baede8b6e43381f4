-- [user]: what one user's list was chosen from, or no row
select c.user_id, c.matchers, c.item_ids, c.scores, c.facts
from serving.candidates as c
inner join serving.current as served using (publication_id)
where c.user_id = $user_id
