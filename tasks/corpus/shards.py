"""Shards: which rows are written together, and what of them is there already."""

from collections.abc import Collection

import polars as pl

from tasks.models.engine import Generation
from warehouse.columns import ITEM
from warehouse.connection import Warehouse
from warehouse.spool import shard_key

Key = tuple[str, int, str]  # item, slot, prompt hash


def number_of_shards(n_items: int, shard_items: int) -> int:
    """A power of two, so that a growing catalogue seldom moves items between shards.

    >>> number_of_shards(1682, 128), number_of_shards(10, 128)
    (16, 1)
    """
    return 1 << max(0, -(-n_items // shard_items) - 1).bit_length()


def shards_of(missing: pl.DataFrame, wanted: pl.DataFrame, shard_items: int) -> dict[str, pl.DataFrame]:
    """Rows of texts by the key of the shard that they belong to, in the order of the keys.

    Args:
        missing: some rows of texts.
        wanted: the texts of all items, which say how many shards there are.
        shard_items: about how many items are a shard.
    """
    shards = number_of_shards(wanted[ITEM].n_unique(), shard_items)
    item_ids = missing[ITEM].unique()
    keys = pl.Series("shard", [shard_key(item_id, shards) for item_id in item_ids], dtype=pl.String)
    keyed = missing.join(pl.DataFrame([item_ids, keys]), on=ITEM, maintain_order="left")
    parts = keyed.partition_by("shard", as_dict=True, include_key=False)
    return {key: parts[key,] for key in sorted(key for (key,) in parts)}


def drafts_of(warehouse: Warehouse, items: Collection[str]) -> dict[Key, Generation]:
    """First attempts at texts of the items, of either pass, as they were written."""
    return {
        (item_id, slot, digest): Generation(*written)
        for item_id, slot, digest, *written in warehouse.query("first_drafts", items=items).iter_rows()
    }
