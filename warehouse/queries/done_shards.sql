-- [shard key] of a stage and fit
select shard_key, fingerprint, rows
from ops.shards
where stage = $stage and fit = $fit
order by shard_key
