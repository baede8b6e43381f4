-- [item] whose id is like $wanted as in near_users, then those whose title is like it or holds it; the likest first, at
-- most 3
with bare as (
    select
        item_id,
        title,
        ltrim(regexp_replace(lower(nfc_normalize(trim(item_id))), '\.0+$', ''), '0') as id,
        lower(nfc_normalize(trim(title))) as named,
        ltrim(regexp_replace(lower(nfc_normalize(trim($wanted))), '\.0+$', ''), '0') as wanted
    from core.items
),
measured as (
    select *,
        greatest(1, length(wanted) // 3) as most,
        case when abs(length(id) - length(wanted)) <= most then damerau_levenshtein(id, wanted) else 99 end as distance,
        case when abs(length(named) - length(wanted)) <= most then damerau_levenshtein(named, wanted) else 99 end as off
    from bare
    where wanted <> ''
)

select item_id as id, title
from measured
where
    id = wanted or starts_with(id, wanted) or (distance < length(wanted) and distance <= most)
    or (length(wanted) >= 3 and (contains(named, wanted) or off <= most))
order by
    id <> wanted, not starts_with(id, wanted) and distance > most, least(distance, off), length(named), item_id
limit 3
