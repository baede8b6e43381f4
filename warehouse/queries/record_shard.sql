-- [stage, fit, shard key]
insert or replace into ops.shards (stage, fit, shard_key, fingerprint, rows, committed_at)
values ($stage, $fit, $shard_key, $fingerprint, $rows, now())
