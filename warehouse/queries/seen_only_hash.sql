-- one row where there are any: what all events that show no interest are, whatever their order
select count(*) as events, bit_xor(h) as either, sum(h) as total
from (select hash(user_id, item_id, value, event_time, event_type, reason) as h from core.seen_only)
having count(*) > 0
