-- [stage]: its latest run
select *
from ops.runs
qualify row_number() over (partition by stage order by started_at desc, run_id desc) = 1
