-- [event] of a part that is held back ($protocol, $part): a user's events in time order, and whether the user `had` the item
-- before, of interest or not, by what is known when lists are made ($known)
with before as (
    select user_id, item_id from core.splits where protocol = $protocol and part in $known
    union
    select user_id, item_id from core.seen_only where part in $known
)
select i.user_id, i.item_id, i.value, i.event_time, s.part, before.item_id is not null as had
from core.interactions as i
inner join core.splits as s using (user_id, item_id, event_time)
left join before using (user_id, item_id)
where s.protocol = $protocol and s.part = $part
order by i.user_id, i.event_time, i.item_id
