-- [reason, event type or value]: the rows of a delivery that make items seen, but show no interest; the first of them
select reason,
    case when not contains(reason, 'min_value') then event_type end as event_type,
    case when contains(reason, 'min_value') then value end as value,
    count(*) as rows, min(n) as first
from staging."interactions:seen only"
group by all
order by rows desc, reason, event_type, value
