"""Cuts each history into train, validation and test. Events of one time are never torn apart."""

from hashlib import blake2b

import polars as pl

TRAIN_TENTHS = 8
VALIDATION_TENTHS = 9


def temporal_user(interactions: pl.DataFrame) -> pl.DataFrame:
    """Split every user's history by its own time order, block by block.

    A block is a user's events with the same time. With p the position (from 0) of a block's first event among
    the user's n events, the block is train if p / n < 0.8, validation if p / n < 0.9, else test.

    Args:
        interactions: user_id, item_id, event_time; the order of the rows does not matter.

    Returns:
        user_id, item_id, event_time, part; sorted by user, time and item.
    """
    position = pl.col("event_time").rank("min").over("user_id").cast(pl.Int64) - 1
    tenths = 10 * position  # compared with whole numbers, so that no rounding decides
    n_events = pl.len().over("user_id").cast(pl.Int64)
    part = (
        pl.when(tenths < TRAIN_TENTHS * n_events)
        .then(pl.lit("train"))
        .when(tenths < VALIDATION_TENTHS * n_events)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("test"))
        .alias("part")
    )
    split = interactions.select("user_id", "item_id", "event_time", part)
    return split.sort("user_id", "event_time", "item_id")


def split_hash(split: pl.DataFrame) -> str:
    """Hash of which event is in which part, whatever the order of the rows."""
    columns = ["user_id", "item_id", "event_time", "part"]
    digest = blake2b(digest_size=8)
    for row in split.select(columns).sort(columns).iter_rows():
        digest.update(repr(row).encode())
    return digest.hexdigest()


PROTOCOLS = {"temporal_user": temporal_user}


def split_table(interactions: pl.DataFrame, protocol: str = "temporal_user") -> pl.DataFrame:
    """The rows of core.splits for one protocol, with the split's hash."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol '{protocol}' is unknown; there are: {', '.join(PROTOCOLS)}")
    split = PROTOCOLS[protocol](interactions)
    return split.select(
        pl.lit(protocol).alias("protocol"),
        pl.lit(split_hash(split)).alias("split_hash"),
        *("user_id", "item_id", "event_time", "part"),
    )
