-- [event]: its part by the protocol cold_item, whose cold items are in core.test_items. It is that of temporal_user (see
-- there), but cold items keep test events only, and the others keep none in test.
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
),
cold as (
    select item_id
    from core.test_items
    where protocol = 'cold_item'
)
select i.user_id, i.item_id, i.event_time,
    case when (cold.item_id is not null) <> (i.event_time > cuts.last_validation) then 'unused'
        when i.event_time <= cuts.last_train then 'train'
        when i.event_time <= cuts.last_validation then 'validation'
        else 'test' end as part
from core.interactions as i
inner join cuts using (user_id)
left join cold using (item_id)
