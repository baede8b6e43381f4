-- [kind, source] of the last ingest: what became of the rows
select kind, source, rows_in, used, quarantined, merged, seen_only
from ops.ingest_counts
order by kind, source
