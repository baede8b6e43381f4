"""Puts every event into its part. The protocols are in warehouse/queries/split_<protocol>.sql."""

from collections.abc import Iterable
from hashlib import blake2b

import polars as pl

from tasks.settings.data import Data
from warehouse.connection import Warehouse
from warehouse.splitting import sorted_parts, write_parts

COLUMNS = ("user_id", "item_id", "event_time", "part")
PLAIN = r"^[ -&(-\[\]-~]*$"
"""ASCII that Python writes in single quotes as it is: no quote, no backslash."""


def split_interactions(warehouse: Warehouse, data: Data, seed: int) -> str:
    """Write the part of every event to core.splits, and the items of test; return the split's hash."""
    protocol = data.protocol
    parameters = {
        "stratified_item": {"seed": seed, "whole_ties": data.whole_ties},
        "cold_user": {"seed": seed, "given_events": data.given_events},
    }.get(protocol, {})
    with warehouse.transaction():
        cold = warehouse.query("draw_test_items", seed=seed, draw=data.draw)
        warehouse.replace("core.test_items", cold if protocol == "cold_item" else cold.clear())
    hashed = hash_of_sorted(sorted_parts(warehouse, protocol, parameters))
    write_parts(warehouse, protocol, parameters, hashed)
    return hashed


def hash_of_sorted(batches: Iterable[pl.DataFrame]) -> str:
    """Hash which event is in which part: rows of COLUMNS, sorted by these over all batches.

    Rows are hashed as Python writes them.
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
