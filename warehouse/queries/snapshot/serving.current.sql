-- one row
select true as only_row, $publication_id::varchar as publication_id
