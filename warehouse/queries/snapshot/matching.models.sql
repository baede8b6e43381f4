-- [fit, matcher]: by the fingerprint, a reader sees whether saved matchers are those of this publication
select *
from matching.models
order by fit, matcher
