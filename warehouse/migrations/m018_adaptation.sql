-- [adaptation]: one row at most. What the settings of matchers were adapted to, and what was chosen.
-- `settings`: JSON, section of [matching] to the settings that differ from those that were set; `left_out`: JSON, names
-- of matchers; `found`: JSON, what was tried of each matcher and what it is worth on the last block of train histories.
create table matching.adaptation (
    adaptation_id varchar primary key,
    reason varchar not null,
    users bigint not null,
    items bigint not null,
    events bigint not null,
    judged_users bigint not null,
    matchers varchar[] not null,
    settings varchar not null,
    left_out varchar not null,
    found varchar not null,
    adapted_at timestamptz not null
);
