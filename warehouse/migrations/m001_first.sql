-- The first complete set of tables. Grain in brackets.
create schema raw;
create schema quarantine;
create schema core;
create schema features;
create schema matching;
create schema serving;
create schema evaluation;
create schema ops;

-- [bad row]
create table quarantine.rows (
    source varchar not null,
    line bigint not null,
    reason varchar not null,
    content varchar not null
);

-- [item]
create table core.items (
    item_id varchar primary key,
    title varchar not null,
    year integer,
    categories varchar[] not null,
    content_hash varchar not null
);

-- [user]
create table core.users (
    user_id varchar primary key,
    age integer,
    gender varchar,
    occupation varchar
);

-- [event]
create table core.interactions (
    user_id varchar not null,
    item_id varchar not null,
    value double not null,
    event_time bigint not null
);

-- [interaction, protocol]
create table core.splits (
    protocol varchar not null,
    split_hash varchar not null,
    user_id varchar not null,
    item_id varchar not null,
    event_time bigint not null,
    part varchar not null check (part in ('train', 'validation', 'test'))
);

-- [text]: text_id is a content hash, rows never change; which texts are live is features.live_texts.
create table features.texts (
    text_id varchar primary key,
    item_id varchar not null,
    slot integer not null,
    angle varchar not null,
    engine varchar not null,
    prompt_hash varchar not null,
    prompt varchar not null,
    pass integer not null,
    attempt integer not null,
    seed bigint not null,
    text varchar not null,
    log_prob double not null,
    n_tokens integer not null,
    whole_sentence boolean not null,
    status varchar not null,
    reason varchar
);

-- [item, slot]: which text is shown and matched now.
create table features.live_texts (
    item_id varchar not null,
    slot integer not null,
    text_id varchar not null,
    primary key (item_id, slot)
);

-- [owner kind, owner id]: one table an encoder; content_hash says what was encoded.
create table features.vectors_minilm (
    owner_kind varchar not null check (owner_kind in ('item', 'text')),
    owner_id varchar not null,
    content_hash varchar not null,
    vector float[384] not null,
    primary key (owner_kind, owner_id)
);

-- [fit, user, interest]
create table features.user_vectors (
    fit varchar not null,
    user_id varchar not null,
    interest integer not null,
    weight float not null,
    vector float[384] not null,
    primary key (fit, user_id, interest)
);

-- [fit, matcher, user, item]: over the candidate union of the fit; own_rank where the matcher itself proposed it.
create table matching.scores (
    run_id varchar not null,
    fit varchar not null,
    matcher varchar not null,
    user_id varchar not null,
    item_id varchar not null,
    score float not null,
    own_rank integer,
    text_id varchar
);

-- [fit, matcher]
create table matching.models (
    fit varchar not null,
    matcher varchar not null,
    parameters varchar not null,
    fit_seconds double not null,
    score_seconds double not null,
    fingerprint varchar not null,
    mlflow_run_id varchar,
    primary key (fit, matcher)
);

-- [fusion model]
create table serving.fusion_models (
    fusion_id varchar primary key,
    fingerprint varchar not null,
    normaliser varchar not null,
    diversity double not null,
    weights varchar not null,
    mlflow_run_id varchar not null,
    model_version varchar,
    created_at timestamptz not null
);

-- [publication]
create table serving.publications (
    publication_id varchar primary key,
    fusion_id varchar not null,
    flow_run_id varchar,
    data_fingerprint varchar not null,
    lists_hash varchar not null,
    state varchar not null,
    created_at timestamptz not null
);

-- [publication, user, rank]
create table serving.recommendations (
    publication_id varchar not null,
    user_id varchar not null,
    rank integer not null,
    item_id varchar not null,
    score double not null,
    contributions map(varchar, double) not null,
    text_id varchar,
    primary key (publication_id, user_id, rank)
);

-- one row: the truth
create table serving.current (
    only_row boolean primary key default true check (only_row),
    publication_id varchar not null
);

-- [model, part, user, rank]: the lists that are judged; the one evaluator reads nothing else of a model
create table evaluation.lists (
    model varchar not null,
    part varchar not null,
    user_id varchar not null,
    rank integer not null,
    item_id varchar not null,
    primary key (model, part, user_id, rank)
);

-- [model, part, metric]: the last evaluation
create table evaluation.metrics (
    model varchar not null,
    part varchar not null,
    metric varchar not null,
    value double not null,
    low double,
    high double,
    primary key (model, part, metric)
);

-- [model, part, user, metric]: per-user values, for paired comparisons and groups
create table evaluation.per_user (
    model varchar not null,
    part varchar not null,
    user_id varchar not null,
    metric varchar not null,
    value double not null,
    primary key (model, part, user_id, metric)
);

-- [model, other, part, metric]: model minus other, paired over users; best marks the best single model of validation
create table evaluation.comparisons (
    model varchar not null,
    other varchar not null,
    part varchar not null,
    metric varchar not null,
    best boolean not null,
    difference double not null,
    low double not null,
    high double not null,
    primary key (model, other, part, metric)
);

-- [stage run]
create table ops.runs (
    run_id varchar primary key,
    stage varchar not null,
    flow_run_id varchar,
    fingerprint varchar not null,
    started_at timestamptz not null,
    seconds double not null,
    counts map(varchar, double) not null,
    settings varchar not null
);

-- [stage, fit, shard key]: written last, in the same transaction as the shard's rows: a row means "whole".
create table ops.shards (
    stage varchar not null,
    fit varchar not null,
    shard_key varchar not null,
    fingerprint varchar not null,
    rows bigint not null,
    committed_at timestamptz not null,
    primary key (stage, fit, shard_key)
);

-- [look at test]
create table ops.test_looks (
    looked_at timestamptz not null,
    split_hash varchar not null,
    fusion_id varchar not null,
    mlflow_run_id varchar not null
);
