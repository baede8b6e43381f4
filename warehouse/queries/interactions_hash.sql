-- one row: what all events are, whatever their order
select count(*) as events, bit_xor(h) as either, sum(h) as total
from (select hash(user_id, item_id, value, event_time, event_type) as h from core.interactions)
