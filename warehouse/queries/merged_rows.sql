-- [merged row]
select kind, source, line, reason
from quarantine.merged
order by kind, source, line
