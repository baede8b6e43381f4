-- [publication, user]: what a list was chosen from, with each matcher's own scores, to explain it by. scores holds the
-- items' scores by matchers[1], then those by matchers[2], and so on: so they take the least room. facts is what was
-- known of the user, where the fusion asks for it.
create table serving.candidates (
    publication_id varchar not null,
    user_id varchar not null,
    matchers varchar[] not null,
    item_ids varchar[] not null,
    scores float[] not null,
    facts double[],
    primary key (publication_id, user_id)
);

-- of the user's history, the item that is most like the recommended one by the vectors of texts
alter table serving.recommendations add column like_item_id varchar;
