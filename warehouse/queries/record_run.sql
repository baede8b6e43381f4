-- [stage run]: $counts is a map of names to numbers.
insert or replace into ops.runs (run_id, stage, flow_run_id, fingerprint, started_at, seconds, counts, settings)
values ($run_id, $stage, $flow_run_id, $fingerprint, $started_at, $seconds, $counts, $settings)
