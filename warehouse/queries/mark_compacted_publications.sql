-- [publication] that is not among $kept: its lists are gone, so it can no longer be served
update serving.publications
set state = 'compacted'
where publication_id not in $kept and state <> 'compacted'
