-- [matcher] of a fit
select matcher, parameters, fit_seconds, score_seconds, fingerprint, mlflow_run_id
from matching.models
where fit = $fit
order by matcher
