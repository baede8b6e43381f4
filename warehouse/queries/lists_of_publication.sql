-- [user, rank] of a publication: its whole rows, of the table $lists
select *
from query_table([$lists])
where publication_id = $publication_id
order by user_id, rank
