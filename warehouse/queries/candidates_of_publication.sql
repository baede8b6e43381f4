-- [user] of a publication: its whole rows
select *
from serving.candidates
where publication_id = $publication_id
order by user_id
