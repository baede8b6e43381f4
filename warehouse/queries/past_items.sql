-- [item] in the history of one user, each at its latest event, oldest first
select i.item_id, items.title, items.year, max(i.event_time) as event_time, arg_max(i.value, i.event_time) as value
from core.interactions as i
inner join core.items as items using (item_id)
where i.user_id = $user_id
group by i.item_id, items.title, items.year
order by max(i.event_time), i.item_id
