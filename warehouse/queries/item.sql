-- [item]: one, or no row when it is unknown: what it is called, what the catalogue's rules go by
select
    item_id, title, year, categories, coalesce(active, true) as active, coalesce(allowed, true) as allowed,
    (select count(*) from core.interactions where item_id = $item_id) as events
from core.items
where item_id = $item_id
