-- [user, rank] of this publication; a user's rows lie together
select *
from serving.recommendations
where publication_id = $publication_id
order by user_id, rank
