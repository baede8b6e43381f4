"""The hash in batches is the hash of all rows at once, whatever ids look like."""

import polars as pl
from hypothesis import given, strategies

from tasks.ingest.split_hash import hash_of_sorted
from tasks.ingest.splits import split_hash, temporal_user

ids = strategies.one_of(
    strategies.text(min_size=1, max_size=5), strategies.sampled_from(["a", "it's", "b\\", "é"])
)


@given(strategies.lists(strategies.tuples(ids, ids, strategies.integers(0, 9)), max_size=30))
def test_batches(rows: list[tuple[str, str, int]]) -> None:
    schema = {"user_id": pl.String, "item_id": pl.String, "event_time": pl.Int64}
    split = temporal_user(pl.DataFrame(rows, schema=schema, orient="row"))
    ordered = split.sort("user_id", "item_id", "event_time", "part")
    batches = [ordered.slice(start, 4) for start in range(0, ordered.height, 4)]
    assert hash_of_sorted(batches) == split_hash(split)
