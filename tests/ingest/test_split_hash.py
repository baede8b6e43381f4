"""The hash in batches is that of every row as Python writes it, whatever ids look like."""

from hashlib import blake2b

import polars as pl
from hypothesis import given, strategies

from tasks.ingest.splits import COLUMNS, hash_of_sorted

ids = strategies.one_of(
    strategies.text(min_size=1, max_size=5), strategies.sampled_from(["a", "it's", "b\\", "é"])
)
parts = strategies.sampled_from(["train", "validation", "test", "given", "unused"])


@given(strategies.lists(strategies.tuples(ids, ids, strategies.integers(0, 9), parts), max_size=30))
def test_batches(rows: list[tuple[str, str, int, str]]) -> None:
    rows.sort()
    split = pl.DataFrame(rows, schema=list(COLUMNS), orient="row") if rows else pl.DataFrame()
    batches = [split.slice(start, 4) for start in range(0, split.height, 4)]
    assert hash_of_sorted(batches) == blake2b("".join(map(repr, rows)).encode(), digest_size=8).hexdigest()
