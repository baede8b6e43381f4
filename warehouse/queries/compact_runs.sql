-- [stage run] older than $before goes, unless it is the latest of its stage: by that one, stages see what is new
delete from ops.runs
where started_at < $before
    and run_id not in (
        select run_id
        from ops.runs
        qualify row_number() over (partition by stage order by started_at desc, run_id desc) = 1
    )
