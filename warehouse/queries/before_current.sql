-- [publication]: the newest whose lists are older than those that are served and are still kept; no row if there is none
with served as (
    select coalesce(p.made_at, p.created_at) as made_at
    from serving.current as c
    inner join serving.publications as p using (publication_id)
)

select p.publication_id
from serving.publications as p
cross join served
where p.origin_id is null and p.state <> 'compacted' and coalesce(p.made_at, p.created_at) < served.made_at
order by p.created_at desc, p.publication_id desc
limit 1
