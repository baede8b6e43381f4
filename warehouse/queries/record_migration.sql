-- [migration]
insert into main.applied_migrations (name, content_hash, applied_at)
values ($name, $content_hash, now())
