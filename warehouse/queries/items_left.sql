-- one row: how many items lists may hold by the catalogue's rules that a user did not have
select count(*) as items
from core.items
where
    coalesce(active, true) and coalesce(allowed, true)
    and item_id not in (select item_id from core.interactions where user_id = $user_id)
    and item_id not in (select item_id from core.seen_only where user_id = $user_id)
