-- Texts are judged: how good they are, whether they may be shown, and what an operator decided.

-- Hash of the rules under which `status` was given; none: it was written before there were any
alter table features.texts add column rules varchar;

-- [text] that is or was live: what the text and its item's other texts say of it; `among` is the hash of those texts
create table features.text_quality (
    text_id varchar primary key,
    among varchar not null,
    words integer not null,
    claims integer not null,
    unfounded integer not null,
    faithfulness double not null,
    repetition double not null,
    refusal boolean not null,
    distinct_1 double not null,
    distinct_2 double not null,
    self_bleu double not null
);

-- [text] that is or was live: what its vector says of it; `among` is the hash of the vectors of its item's texts
create table features.text_spread (
    text_id varchar primary key,
    among varchar not null,
    distance double,
    item_rank integer not null
);

-- [text] that an operator released or blocked
create table features.text_reviews (
    text_id varchar primary key,
    decision varchar not null check (decision in ('released', 'blocked')),
    decided_at timestamptz not null
);

-- [text] that must not be shown, and of which no vector is kept
create view features.hidden_texts as
select t.text_id
from features.texts as t
left join features.text_reviews as r using (text_id)
where r.decision = 'blocked' or (t.status = 'quarantined' and r.decision is null);
