-- [decision] older than $before of which no publication tells goes
delete from serving.decisions
where decided_at < $before and decision_id not in (
    select decision_id
    from serving.publications
    where decision_id is not null
)
