-- [fit, user, text]: what a language model thinks of a text once it knows what the user had last (`context`, a JSON
-- array of item ids), and without that. `prompt_hash`: all that the row depends on; `frame_hash`: all that
-- log_prob_without depends on. Nats; `seconds` is the row's share of what its user took.
create table features.relevance (
    fit varchar not null,
    user_id varchar not null,
    text_id varchar not null,
    item_id varchar not null,
    slot integer not null,
    context varchar not null,
    prompt_hash varchar not null,
    frame_hash varchar not null,
    log_prob_with double not null,
    log_prob_without double not null,
    n_tokens integer not null,
    seconds double not null,
    primary key (fit, user_id, text_id)
);

-- [fit, matcher, user, item]: of a matcher that is too dear for all pairs, on a sample; fusion does not read it
create table matching.pair_scores (
    fit varchar not null,
    matcher varchar not null,
    user_id varchar not null,
    item_id varchar not null,
    score float not null,
    primary key (fit, matcher, user_id, item_id)
);

-- [fit, matcher]: how such a matcher was made, and the hash of what it was made from
create table matching.pair_models (
    fit varchar not null,
    matcher varchar not null,
    parameters varchar not null,
    fit_seconds double not null,
    score_seconds double not null,
    fingerprint varchar not null,
    primary key (fit, matcher)
);
