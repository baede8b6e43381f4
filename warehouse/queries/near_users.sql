-- [user] whose id is like $wanted, the likest first, at most 3: the same but for case, spaces around it, the form of its
-- accents (NFC, NFD), zeros in front, ".0" behind; or one that begins like it; or one a few letters away
with bare as (
    select
        user_id,
        ltrim(regexp_replace(lower(nfc_normalize(trim(user_id))), '\.0+$', ''), '0') as id,
        ltrim(regexp_replace(lower(nfc_normalize(trim($wanted))), '\.0+$', ''), '0') as wanted
    from core.users
),
measured as (
    select *, damerau_levenshtein(id, wanted) as distance
    from bare
    where abs(length(id) - length(wanted)) <= greatest(1, length(wanted) // 3) or starts_with(id, wanted)
)

select user_id as id, null::varchar as title
from measured
where
    id = wanted
    or (wanted <> '' and starts_with(id, wanted))
    or (distance < length(wanted) and distance <= greatest(1, length(wanted) // 3))
order by id <> wanted, distance, user_id
limit 3
