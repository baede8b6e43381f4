-- [forgotten user]: sha256 of the salt, which all rows share, and the user id: ingest drops rows of these users
create table ops.forgotten (
    user_hash varchar primary key,
    salt varchar not null,
    forgotten_at timestamptz not null
);

-- [text that is not live]: when that was first seen
create table features.idle_texts (
    text_id varchar primary key,
    idle_since timestamptz not null
);
