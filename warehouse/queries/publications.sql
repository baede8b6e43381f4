-- [publication], the newest first: all that are remembered; `current` marks the one that is served
select
    p.publication_id, p.created_at, coalesce(p.made_at, p.created_at) as made_at, p.users, p.fusion_id, p.model_version,
    p.flow_run_id, p.lists_hash, p.state, p.origin_id, d.outcome, d.reason,
    p.publication_id in (select publication_id from serving.current) as current
from serving.publications as p
left join serving.decisions as d using (decision_id)
order by p.created_at desc, p.publication_id desc
