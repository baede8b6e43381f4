-- [event] of the parts listed ($protocol, $parts): a user's events in time order. Events of one time have no order of
-- their own; item_id only makes the rows come out alike each time.
select i.user_id, i.item_id, i.value, i.event_time, s.part
from core.interactions as i
inner join core.splits as s using (user_id, item_id, event_time)
where s.protocol = $protocol and s.part in $parts
order by i.user_id, i.event_time, i.item_id
