-- [item] whose id is like $wanted as in near_users, then those whose title is like it or holds it; the likest first, at
-- most 3
with bare as (
    select
        item_id,
        title,
        lower(nfc_normalize(trim(title))) as named,
        lower(nfc_normalize(trim($wanted))) as words,
        coalesce(nullif(ltrim(regexp_replace(
            strip_accents(lower(regexp_replace(trim(item_id), '\.0+$', ''))), '[^\pL\pN]', '', 'g'), '0'), ''), trim(item_id)) as id,
        coalesce(nullif(ltrim(regexp_replace(
            strip_accents(lower(regexp_replace(trim($wanted), '\.0+$', ''))), '[^\pL\pN]', '', 'g'), '0'), ''), trim($wanted)) as wanted
    from core.items
),
measured as (
    select *,
        greatest(1, length(wanted) // 3) as most,
        case when abs(length(id) - length(wanted)) <= most then damerau_levenshtein(id, wanted) else 99 end as distance,
        case when abs(length(named) - length(words)) <= most then damerau_levenshtein(named, words) else 99 end as off
    from bare
    where wanted <> ''
)

select item_id as id, title
from measured
where
    id = wanted or starts_with(id, wanted) or (distance < length(wanted) and distance <= most)
    or (length(words) >= 3 and (contains(named, words) or off <= most))
order by
    id <> wanted, not starts_with(id, wanted) and distance > most, least(distance, off), length(named), item_id
limit 3
