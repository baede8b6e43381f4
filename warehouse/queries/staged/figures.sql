-- one row: what can be used of a delivery. An item is bare if it has nothing to read but its id: no letter in
-- its title, or the id for a title. Pairs are told apart by hashes of 64 bits: a tenth of their own memory
with items as (
    select *, (n < 0 or not regexp_matches(title, '\p{L}')) and description is null and len(categories) = 0
        and coalesce(content, '{}') = '{}' as bare
    from staging."items:used"
),
events as (
    select count(*) as interactions, count(distinct hash(user_id, item_id)) as pairs,
        min(event_time) as first, max(event_time) as last
    from staging."interactions:used"
),
people as (
    select count(distinct user_id) as users
    from (
        select user_id from staging."interactions:used" union all select user_id from staging."interactions:seen only"
        union all select user_id from staging."users:used"
    )
)
select count(item_id) as items, any_value(users) as users, any_value(interactions) as interactions,
    any_value(pairs) as pairs, any_value(first) as first, any_value(last) as last,
    count(*) filter (n >= 0) as titled, count(description) as described,
    count(*) filter (len(categories) > 0) as categorised, count(*) filter (bare) as bare,
    arg_min(n, row(n < 0, n, item_id)) filter (bare) as bare_row,
    arg_min(item_id, row(n < 0, n, item_id)) filter (bare) as bare_item,
    (
        select min(item_id) from core.items
        where active and item_id not in (select item_id from items where active)
    ) as missing_item
from events cross join people left join items on true
