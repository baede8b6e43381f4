-- [event]: its part by the protocol leave_one_out. A block is a user's events of one time; with p the position (from 0)
-- of its first event among the user's n, it is test if p = n - 1, validation if p = n - 2, else train.
with cuts as (
    select user_id, len(times) as n, times[len(times) - 1] as last_but_one, times[len(times) - 2] as last_but_two
    from (select user_id, list_sort(list(event_time)) as times from core.interactions group by user_id)
)
select i.user_id, i.item_id, i.event_time,
    case when cuts.n = 1 or i.event_time > cuts.last_but_one then 'test'
        when cuts.n = 2 or i.event_time > cuts.last_but_two then 'validation'
        else 'train' end as part
from core.interactions as i
inner join cuts using (user_id)
