-- [event] of the parts listed ($protocol, $parts): a user's events in time order. Events of one time have no order of
-- their own; item_id only makes the rows come out alike each time. In a fit's window an item that its user rated below
-- min_value later is of no interest any more.
with taken_back as (
    select user_id, item_id, max(event_time) as last_time
    from core.seen_only
    where reason = 'below min_value' and part in $parts and 'train' in $parts
    group by user_id, item_id
)
select i.user_id, i.item_id, i.value, i.event_time, s.part
from core.interactions as i
inner join core.splits as s using (user_id, item_id, event_time)
left join taken_back as t using (user_id, item_id)
where s.protocol = $protocol and s.part in $parts and coalesce(i.event_time > t.last_time, true)
order by i.user_id, i.event_time, i.item_id
