-- [item, slot]: what became of the second pass there: the first text that stands, and the text that was made of it
create table features.rewrites (
    item_id varchar not null,
    slot integer not null,
    first_text_id varchar not null,
    text_id varchar not null,
    kept boolean not null,
    reason varchar,
    primary key (item_id, slot)
);
