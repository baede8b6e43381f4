-- [event that shows no interest] of one user, latest first: what it was, and why it shows none
select item_id, event_time, value, event_type, reason
from core.seen_only
where user_id = $user_id
order by event_time desc, item_id
