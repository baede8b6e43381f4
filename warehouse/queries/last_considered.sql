-- [publication]: the last that a run of the job made, not a rollback; no row before the first
select publication_id, data_fingerprint
from serving.publications
where origin_id is null
order by created_at desc, publication_id desc
limit 1
