-- [user, item] of the publication that is served, with all that was recorded with it, or no row
select r.*, t.angle, t.text
from serving.recommendations as r
inner join serving.current as served using (publication_id)
left join features.texts as t using (text_id)
where r.user_id = $user_id and r.item_id = $item_id
