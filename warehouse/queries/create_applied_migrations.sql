-- [migration]: which files of warehouse/migrations this warehouse has seen.
create table if not exists main.applied_migrations (
    name varchar primary key,
    content_hash varchar not null,
    applied_at timestamptz not null
);
