-- [publication] whose lists are kept: the newest $publications, and the one that is served
with ranked as (
    select publication_id, fusion_id, row_number() over (order by created_at desc, publication_id desc) as age
    from serving.publications
)

select publication_id, fusion_id
from ranked
where age <= $publications or publication_id in (select publication_id from serving.current)
order by age
