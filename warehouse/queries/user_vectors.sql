-- [user, interest] of a fit
select user_id, interest, weight, vector
from features.user_vectors
where fit = $fit
order by user_id, interest
