-- [user, rank] of a publication: its whole rows
select *
from serving.recommendations
where publication_id = $publication_id
order by user_id, rank
