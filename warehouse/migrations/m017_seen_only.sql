-- [event that shows no interest]: it makes an item seen, and counts in no fit. `value` is as delivered; `reason` is
-- 'below min_value' (a rating), 'amount below min_value', 'weight 0' (event_weights gives its type 0) or 'no weight' (it
-- does not name its type). `part` says which fits know of it (queries/split_seen_only.sql).
create table core.seen_only (
    user_id varchar not null,
    item_id varchar not null,
    event_time bigint not null,
    value double,
    event_type varchar,
    reason varchar not null,
    part varchar
);

alter table ops.ingest_counts add column seen_only bigint default 0;

-- [part]: how many users are judged, and how many who did something in it have nothing left to find
create table evaluation.judged (
    part varchar primary key,
    users bigint not null,
    nothing_left bigint not null
);
