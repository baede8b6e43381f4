-- [event] of one user, latest first, at most $limit
select i.item_id, items.title, items.year, items.categories, i.value, i.event_time
from core.interactions as i
inner join core.items as items using (item_id)
where i.user_id = $user_id
order by i.event_time desc, i.item_id
limit $limit
