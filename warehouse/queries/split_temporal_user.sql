-- [event]: its part by the protocol temporal_user. A block is a user's events of one time; with p the position (from
-- 0) of its first event among the user's n, it is train if p / n < 0.8, validation if p / n < 0.9, else test. A block
-- begins before position c exactly when its time is no later than the c-th event's, so two times a user decide.
-- With 3 to 9 events the last block is test and the one before it validation, but the first is train whatever there
-- is: of two blocks the last is test, one alone is train. With fewer events all are train.
with histories as (
    select user_id, list_sort(list(event_time)) as times, list_sort(list(distinct event_time)) as blocks
    from core.interactions
    group by user_id
),
cuts as (
    select user_id,
        case when len(times) >= 10 then times[(8 * len(times) + 9) // 10]
            when len(times) >= 3 then blocks[greatest(len(blocks) - 2, 1)]
            else times[len(times)] end as last_train,
        case when len(times) >= 10 then times[(9 * len(times) + 9) // 10]
            when len(times) >= 3 then blocks[greatest(len(blocks) - 1, 1)]
            else times[len(times)] end as last_validation
    from histories
)
select i.user_id, i.item_id, i.event_time,
    case when i.event_time <= cuts.last_train then 'train'
        when i.event_time <= cuts.last_validation then 'validation'
        else 'test' end as part
from core.interactions as i
inner join cuts using (user_id)
