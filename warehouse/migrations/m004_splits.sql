-- Parts beside train, validation and test: `given` is known of an unseen user when lists are asked for, and in no fit
-- but `all`; `unused` is in no part of the protocol.
alter table core.splits rename to splits_of_three_parts;

-- [interaction, protocol]: of the protocol that the last ingest used
create table core.splits (
    protocol varchar not null,
    split_hash varchar not null,
    user_id varchar not null,
    item_id varchar not null,
    event_time bigint not null,
    part varchar not null check (part in ('train', 'validation', 'test', 'given', 'unused'))
);

insert into core.splits (protocol, split_hash, user_id, item_id, event_time, part)
select protocol, split_hash, user_id, item_id, event_time, part
from core.splits_of_three_parts;

drop table core.splits_of_three_parts;

-- [protocol, item]: the only items that lists for test may hold; no row when the protocol restricts none
create table core.test_items (
    protocol varchar not null,
    item_id varchar not null,
    primary key (protocol, item_id)
);
