-- [publication, user, rank] of the diverse lists of a publication that is not among $kept goes
delete from serving.diverse_lists
where publication_id not in $kept
