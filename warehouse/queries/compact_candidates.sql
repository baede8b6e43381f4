-- [publication, user] of a publication that is not among $kept goes
delete from serving.candidates
where publication_id not in $kept
