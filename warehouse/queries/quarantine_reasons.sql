-- [kind, reason]: how many rows, and the first of them
select kind, reason, any_value(field) as field, count(*) as rows, min_by(source, line) as source,
    min(line) as line, min_by(content, line) as content
from quarantine.rows
group by kind, reason
order by rows desc, kind, reason
