-- [publication]: all that are remembered
select *
from serving.publications
order by created_at, publication_id
