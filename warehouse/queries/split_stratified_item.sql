-- [event]: its part by the protocol stratified_item ($seed, $whole_ties). An item's events are shuffled: the first 75% are
-- train, the rest test; validation is cut from train in the same way. With whole ties a block (a user's events of one time)
-- goes where one of its events, drawn at random, would go: an item has these shares exactly where no events share a time.
-- The halves of an MD5 are two random numbers that neither the order of rows nor the version of DuckDB touches.
with drawn as (
    select user_id, item_id, event_time,
        md5_number_lower(concat_ws(chr(31), $seed::varchar, user_id, item_id, event_time::varchar)) as place,
        md5_number_upper(concat_ws(chr(31), $seed::varchar, user_id, item_id, event_time::varchar)) as lead
    from core.interactions
),
placed as (
    select user_id, item_id, event_time, lead,
        row_number() over (partition by item_id order by place, user_id, event_time) - 1 as p,
        count(*) over (partition by item_id) as n
    from drawn
),
alone as (
    select user_id, item_id, event_time, lead,
        case when 4 * p >= 3 * n then 'test'
            when 4 * p >= 3 * ((3 * n + 3) // 4) then 'validation'
            else 'train' end as part
    from placed
)
select user_id, item_id, event_time,
    case when $whole_ties then first_value(part) over (partition by user_id, event_time order by lead, item_id)
        else part end as part
from alone
