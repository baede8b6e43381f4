-- [model, part, group kind, group, metric]: the last evaluation, for a third of the users or of the items
create table evaluation.groups (
    model varchar not null,
    part varchar not null,
    group_kind varchar not null check (group_kind in ('history_length', 'item_age', 'popularity')),
    group_name varchar not null,
    metric varchar not null,
    members bigint not null,
    users bigint,
    value double not null,
    low double,
    high double,
    primary key (model, part, group_kind, group_name, metric)
);

-- [model, other, part, group kind, group, metric]: model minus other, paired over users
create table evaluation.group_comparisons (
    model varchar not null,
    other varchar not null,
    part varchar not null,
    group_kind varchar not null,
    group_name varchar not null,
    metric varchar not null,
    best boolean not null,
    difference double not null,
    low double not null,
    high double not null,
    primary key (model, other, part, group_kind, group_name, metric)
);
