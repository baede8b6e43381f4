-- [matcher] of a fit: those that score a sample only
select matcher, parameters, fit_seconds, score_seconds, fingerprint
from matching.pair_models
where fit = $fit
order by matcher
