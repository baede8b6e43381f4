-- [fusion model]: the newest one, and whether it is behind what is served; no row before the first
select f.fusion_id, f.fingerprint, f.fusion_id in (
    select p.fusion_id
    from serving.current as c
    inner join serving.publications as p using (publication_id)
) as published
from serving.fusion_models as f
order by f.created_at desc, f.fusion_id
limit 1
