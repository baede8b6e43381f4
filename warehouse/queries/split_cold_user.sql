-- [event]: its part by the protocol cold_user ($seed, $given_events). Users are shuffled: the first 20% are unseen until
-- test, the next 20% of the rest until validation. Of these, a block (a user's events of one time) whose first event is
-- among the user's first $given_events is given; all others are test or validation. Everyone else's events are train.
with placed as (
    select user_id, count(*) over () as n,
        row_number() over (order by md5_number_lower(concat_ws(chr(31), $seed::varchar, user_id)), user_id) - 1 as place
    from core.users
),
parted as (
    select user_id,
        case when 5 * place < n then 'test' when 25 * place < 9 * n then 'validation' else 'train' end as part
    from placed
),
cuts as (
    select user_id, list_max(min(event_time, $given_events::bigint)) as last_given
    from core.interactions
    group by user_id
)
select i.user_id, i.item_id, i.event_time,
    case when parted.part <> 'train' and i.event_time <= cuts.last_given then 'given' else parted.part end as part
from core.interactions as i
inner join cuts using (user_id)
inner join parted using (user_id)
