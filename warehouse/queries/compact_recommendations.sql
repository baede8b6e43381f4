-- [publication, user, rank] of a publication that is not among $kept goes
delete from serving.recommendations
where publication_id not in $kept
