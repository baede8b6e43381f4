-- [stage]: its latest run
select stage, run_id, flow_run_id, fingerprint, started_at, seconds, counts, settings
from ops.runs
qualify row_number() over (partition by stage order by started_at desc, run_id desc) = 1
order by started_at, stage
