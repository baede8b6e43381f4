-- one row: the truth
insert or replace into serving.current (only_row, publication_id)
values (true, $publication_id)
