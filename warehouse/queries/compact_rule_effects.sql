-- [publication, user, rule, effect] of a publication that is not among $kept goes
delete from serving.rule_effects
where publication_id not in $kept
