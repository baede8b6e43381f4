-- one row: whether a publication has diverse lists, which one of an older version has not
select exists (select 1 from serving.diverse_lists where publication_id = $publication_id) as there
