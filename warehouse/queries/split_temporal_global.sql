-- [event]: its part by the protocol temporal_global. With p the number of events in the whole log that are earlier, and
-- n all of them, an event is train if p / n < 0.8, validation if p / n < 0.9, else test.
with per_time as (
    select event_time, count(*) as events
    from core.interactions
    group by event_time
),
placed as (
    select event_time, sum(events) over (order by event_time) - events as p, sum(events) over () as n
    from per_time
),
cuts as (
    select
        max(event_time) filter (where 10 * p < 8 * n) as last_train,
        max(event_time) filter (where 10 * p < 9 * n) as last_validation
    from placed
)
select i.user_id, i.item_id, i.event_time,
    case when i.event_time <= cuts.last_train then 'train'
        when i.event_time <= cuts.last_validation then 'validation'
        else 'test' end as part
from core.interactions as i
cross join cuts
