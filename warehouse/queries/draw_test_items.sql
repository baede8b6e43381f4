-- [item] that is cold in a draw ($seed, $draw) of the protocol cold_item: items are shuffled once and cut into five
-- fifths, so that five draws have each item cold once.
with placed as (
    select item_id, count(*) over () as n,
        row_number() over (order by md5_number_lower(concat_ws(chr(31), $seed::varchar, item_id)), item_id) - 1 as place
    from core.items
)
select 'cold_item' as protocol, item_id
from placed
where (5 * place) // n = $draw
order by item_id
