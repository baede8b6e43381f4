-- [user, rank] of the publication that is served; contributions as JSON text; no minus before zero; $lists is
-- the table: serving.recommendations, or serving.diverse_lists
select
    r.user_id, r.rank, r.item_id, items.title, items.year, items.categories, r.score + 0.0 as score,
    to_json(map_from_entries(list_transform(map_entries(r.contributions), lambda e: (e.key, e.value + 0.0))))::varchar
        as contributions, t.angle, t.text
from query_table([$lists]) as r
inner join serving.current as c using (publication_id)
inner join core.items as items using (item_id)
left join features.texts as t using (text_id)
order by r.user_id, r.rank
