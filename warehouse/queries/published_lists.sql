-- [user, rank] of the publication that is served; contributions as JSON text
select
    r.user_id, r.rank, r.item_id, items.title, items.year, items.categories, r.score,
    to_json(r.contributions)::varchar as contributions, t.angle, t.text
from serving.recommendations as r
inner join serving.current as c using (publication_id)
inner join core.items as items using (item_id)
left join features.texts as t using (text_id)
order by r.user_id, r.rank
