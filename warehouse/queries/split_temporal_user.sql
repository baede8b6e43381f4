-- [event]: its part by the protocol temporal_user. A block is a user's events of one time; with p the position (from
-- 0) of its first event among the user's n, it is train if p / n < 0.8, validation if p / n < 0.9, else test. A block
-- begins before position c exactly when its time is no later than the c-th event's, so two times a user decide.
with cuts as (
    select user_id, times[(8 * len(times) + 9) // 10] as last_train, times[(9 * len(times) + 9) // 10] as last_validation
    from (select user_id, list_sort(list(event_time)) as times from core.interactions group by user_id)
)
select i.user_id, i.item_id, i.event_time,
    case when i.event_time <= cuts.last_train then 'train'
        when i.event_time <= cuts.last_validation then 'validation'
        else 'test' end as part
from core.interactions as i
inner join cuts using (user_id)
