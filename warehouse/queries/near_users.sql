-- [user] whose id is like $wanted, the likest first, at most 3: the same but for case, accents, zeros in front, ".0" behind
-- and all that is no letter and no digit; or one that begins like it; or one a few letters away
with bare as (
    select
        user_id,
        coalesce(nullif(ltrim(regexp_replace(
            strip_accents(lower(regexp_replace(trim(user_id), '\.0+$', ''))), '[^\pL\pN]', '', 'g'), '0'), ''), trim(user_id)) as id,
        coalesce(nullif(ltrim(regexp_replace(
            strip_accents(lower(regexp_replace(trim($wanted), '\.0+$', ''))), '[^\pL\pN]', '', 'g'), '0'), ''), trim($wanted)) as wanted
    from core.users
),
measured as (
    select *,
        greatest(1, length(wanted) // 3) as most,
        case when abs(length(id) - length(wanted)) <= most then damerau_levenshtein(id, wanted) else 99 end as distance
    from bare
    where wanted <> ''
)

select user_id as id, null::varchar as title
from measured
where id = wanted or starts_with(id, wanted) or (distance < length(wanted) and distance <= most)
order by id <> wanted, distance, length(user_id), user_id
limit 3
