-- one row: how far the content column at $path looks computed from interactions. Items with a value, those
-- whose value is a number, and the rank correlation of these numbers with the items' event counts and with
-- their mean event values; null where fewer than $few items say something
with x as (
    select item_id, json_extract_string(content, $path) as text, try_cast(text as double) as number
    from staging."items:used"
),
events as (
    select item_id, count(*) as n_events, avg(value) as mean from staging."interactions:used" group by item_id
),
ranked as (
    select rank() over (order by number) as place, rank() over (order by coalesce(n_events, 0)) as busy
    from x left join events using (item_id) where number is not null
),
rated as (
    select rank() over (order by number) as place, rank() over (order by mean) as liked
    from x inner join events using (item_id) where number is not null
)
select (select count(text) from x) as filled, (select count(number) from x) as numeric,
    (select case when count(*) >= $few then corr(place, busy) end from ranked) as with_counts,
    (select case when count(*) >= $few then corr(place, liked) end from rated) as with_means
