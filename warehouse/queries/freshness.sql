-- [publication]: the one that is served: when its lists were made, and when a run last found nothing newer to make
-- lists from (null if none did since); no row before the first
select p.publication_id, coalesce(p.made_at, p.created_at) as made_at, max(r.started_at) as confirmed_at, p.origin_id
from serving.current as c
inner join serving.publications as p using (publication_id)
left join ops.runs as r
    on r.stage = 'fusion' and r.fingerprint = p.data_fingerprint and r.started_at > coalesce(p.made_at, p.created_at)
group by all
