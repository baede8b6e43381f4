-- [rank] of one user in the publication that is served, with all that was recorded with it, at most $limit; $lists
-- is the table: serving.recommendations, or serving.diverse_lists
select r.* exclude (publication_id, user_id), items.title, items.year, items.categories, t.angle, t.text
from query_table([$lists]) as r
inner join serving.current as c using (publication_id)
inner join core.items as items using (item_id)
left join features.texts as t using (text_id)
where r.user_id = $user_id
order by r.rank
limit $limit
