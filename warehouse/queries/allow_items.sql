-- [item] the catalogue's rules applied to core.items.allowed: no blocked id, no excluded category
update core.items as i
set allowed = r.allowed
from (
    select
        item_id,
        not (list_contains($blocked::varchar[], item_id) or list_has_any(categories, $excluded::varchar[]))
            as allowed
    from core.items
) as r
where i.item_id = r.item_id and i.allowed is distinct from r.allowed
