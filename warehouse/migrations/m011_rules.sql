-- Business rules: those that are loaded from files, and what rules did to lists.

-- [rule]: keys as in [[fusion.rules]]; null or empty: not set
create table serving.rules (
    name varchar primary key,
    kind varchar not null,
    items varchar[],
    categories varchar[],
    "column" varchar,
    "values" varchar[],
    -- true: only for the users in serving.rule_users
    for_users boolean not null default false,
    user_column varchar,
    user_values varchar[],
    event_types varchar[],
    min_age integer,
    unknown_age varchar,
    rank integer,
    strength double,
    at_most integer,
    per varchar,
    share double,
    days integer,
    first integer,
    valid_from date,
    valid_until date,
    loaded_at timestamptz not null
);

-- [rule, user]
create table serving.rule_users (
    name varchar not null,
    user_id varchar not null,
    primary key (name, user_id)
);

-- [publication, user, rule, effect]: how many items a rule kept out of a list or moved in it, or how many it was short of
create table serving.rule_effects (
    publication_id varchar not null,
    user_id varchar not null,
    rule varchar not null,
    effect varchar not null check (effect in ('excluded', 'moved', 'unmet')),
    items integer not null,
    primary key (publication_id, user_id, rule, effect)
);

-- names of the rules that put an item where it stands; `fallback`: it took the place of one that rules keep out
alter table serving.recommendations add column rules varchar[] default [];
