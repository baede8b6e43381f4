-- one row: how far apart the live texts of an item are, and whether a text leads back to its item
select
    avg(s.distance) as text_distance,
    avg((s.item_rank = 1)::integer) as own_item_first,
    median(s.item_rank) as item_rank_median
from features.live_texts as live
inner join features.text_spread as s using (text_id)
