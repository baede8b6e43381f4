-- [publication] older than $before that is not among $kept goes
delete from serving.publications
where publication_id not in $kept and created_at < $before
