-- [bad row]
select kind, source, line, field, reason, content
from quarantine.rows
order by kind, source, line
