-- [item], in the order of its id: whether lists of a fit may hold it ($protocol, $parts of the fit, $min_interactions).
-- Only events of the fit count, or the held-back ones would say which items matter. With $for_test, only the items that
-- the protocol keeps for test, where it keeps any: these have no events, so $min_interactions does not apply to them.
with counted as (
    select i.item_id, count(*) as events
    from core.interactions as i
    inner join core.splits as s using (user_id, item_id, event_time)
    where $min_interactions > 0 and s.protocol = $protocol and s.part in $parts
    group by i.item_id
),
kept as (
    select item_id
    from core.test_items
    where protocol = $protocol and $for_test
)
select items.item_id,
    coalesce(items.active, true) and coalesce(items.allowed, true)
    and case when exists (from kept) then kept.item_id is not null
        else coalesce(counted.events, 0) >= $min_interactions end as recommendable
from core.items as items
left join counted using (item_id)
left join kept using (item_id)
order by items.item_id
