-- [publication]: this one
select *
from serving.publications
where publication_id = $publication_id
