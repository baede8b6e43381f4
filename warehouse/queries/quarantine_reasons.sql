-- [kind, reason]: how many rows, and the first of them
select kind, reason, count(*) as rows, unnest(min_by(
    {'field': field, 'source': source, 'line': line, 'content': content}, {'line': line, 'source': source}
))
from quarantine.rows
group by kind, reason
order by rows desc, kind, reason
