-- [seen-only event]: which fits know of it ($protocol): train where it is earlier than all that the split holds back of its
-- user (of anybody under temporal_global), validation where it is earlier than what is held back for test, else test.
-- Later ones would tell a fit what is to come.
with held as (
    select case when $protocol = 'temporal_global' then '' else user_id end as whose, min(event_time) as first_held,
        min(event_time) filter (part = 'test') as first_of_test
    from core.splits
    where part in ('validation', 'test')
    group by whose
)
update core.seen_only as s
set part = cut.part
from (
    select seen.rowid as place,
        case when coalesce(seen.event_time < held.first_held, true) then 'train'
            when coalesce(seen.event_time < held.first_of_test, true) then 'validation'
            else 'test' end as part
    from core.seen_only as seen
    left join held on held.whose = case when $protocol = 'temporal_global' then '' else seen.user_id end
) as cut
where s.rowid = cut.place
