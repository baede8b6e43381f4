"""The hash of a split, from its rows in order, batch by batch."""

from collections.abc import Iterable
from hashlib import blake2b

import polars as pl

COLUMNS = ("user_id", "item_id", "event_time", "part")
PLAIN = r"^[ -&(-\[\]-~]*$"
"""ASCII that Python writes in single quotes as it is: no quote, no backslash."""


def hash_of_sorted(batches: Iterable[pl.DataFrame]) -> str:
    """Hash which event is in which part; rows are hashed as Python writes them.

    Args:
        batches: Rows of COLUMNS, sorted by these columns over all batches.
    """
    digest = blake2b(digest_size=8)
    for batch in batches:
        rows = batch.select(COLUMNS)
        plain = rows.select(pl.col("user_id", "item_id").str.contains(PLAIN).all())
        if rows.height and all(plain.row(0)):
            written = pl.format("('{}', '{}', {}, '{}')", *COLUMNS)
            digest.update(rows.select(written.str.join("")).item().encode())
        else:
            for row in rows.iter_rows():
                digest.update(repr(row).encode())
    return digest.hexdigest()
