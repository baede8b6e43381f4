-- [rank] of one user in the publication that is served, at most $limit
select
    r.rank, r.item_id, items.title, items.year, items.categories, r.score, r.contributions, r.text_id, t.angle, t.text,
    near.title as like_title, near.year as like_year
from serving.recommendations as r
inner join serving.current as c using (publication_id)
inner join core.items as items using (item_id)
left join features.texts as t using (text_id)
left join core.items as near on near.item_id = r.like_item_id
where r.user_id = $user_id
order by r.rank
limit $limit
