-- [publication] whose lists are kept: the newest $publications, and the one that is served; a rollback, whose lists are
-- those of another one, counts only while it is served
with ranked as (
    select publication_id, fusion_id, origin_id, row_number() over (
        partition by origin_id is null
        order by created_at desc, publication_id desc
    ) as age
    from serving.publications
)

select publication_id, fusion_id
from ranked
where
    (origin_id is null and age <= $publications)
    or publication_id in (select publication_id from serving.current)
order by age
