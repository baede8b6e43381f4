-- Any catalogue, any log: content beyond title and categories, events of several types, users' context.
alter table core.items add column description varchar;
-- JSON object: columns declared as content, beyond title, year, categories and description
alter table core.items add column content varchar;
-- JSON object: any further column, as delivered; reaches no prompt and no vector
alter table core.items add column attributes varchar;
alter table core.items add column image_path varchar;
-- false: no longer delivered, or delivered as inactive; stays in histories, is never recommended
alter table core.items add column active boolean default true;
-- false: a rule of [catalogue] keeps it out of lists
alter table core.items add column allowed boolean default true;

-- JSON object: a user's further columns, as delivered
alter table core.users add column profile varchar;

alter table core.interactions add column event_type varchar;

-- [search]
create table core.searches (
    user_id varchar not null,
    query varchar not null,
    event_time bigint not null
);

-- [triple]
create table core.triples (
    head varchar not null,
    relation varchar not null,
    tail varchar not null,
    primary key (head, relation, tail)
);

-- [bad row]: kind is the table it was meant for, source the file, line where its record begins
drop table quarantine.rows;
create table quarantine.rows (
    kind varchar not null,
    source varchar not null,
    line bigint not null,
    field varchar,
    reason varchar not null,
    content varchar not null
);

-- [merged row]: a row that says again what another row says; the other one is used
create table quarantine.merged (
    kind varchar not null,
    source varchar not null,
    line bigint not null,
    reason varchar not null
);

-- [kind, source] of the last ingest: rows_in, counted by a reader of its own, = used + quarantined + merged
create table ops.ingest_counts (
    kind varchar not null,
    source varchar not null,
    rows_in bigint not null,
    used bigint not null,
    quarantined bigint not null,
    merged bigint not null,
    primary key (kind, source)
);
