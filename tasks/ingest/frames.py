"""Frames that a source delivers, staged like files."""

import polars as pl

from tasks.ingest.movielens import SOURCE, Delivery
from tasks.ingest.reading import SourceCount, Staged
from tasks.ingest.sets import overlay
from tasks.settings.data import Data, Interactions, Items
from warehouse.connection import Warehouse
from warehouse.staging import LINE, Staging

COLUMNS = Data(
    items=Items(year="year", categories="categories"),
    interactions=Interactions(time="event_time", value="value"),
)
"""What the columns of a Delivery mean."""


def described(data: Data) -> Data:
    """The settings with the columns of a Delivery in place; how much of it to keep, its reader was told.

    Raises:
        SetError: the settings name files for what the source delivers itself.
    """
    kinds = ("items", "interactions", "users")
    columns = {kind: overlay(getattr(COLUMNS, kind), getattr(data, kind)) for kind in kinds}
    return data.model_copy(update={**columns, "max_items": None, "max_users": None})


def stage_frame(warehouse: Warehouse, kind: str, frame: pl.DataFrame, source: str = SOURCE) -> Staged:
    """Stage a frame that has a column `line`, in the place of what was staged of its kind.

    Args:
        warehouse: Open for writing; not inside a transaction.
        kind: As for a table.
        frame: The rows; they are counted by the frame itself.
        source: What they are said to come from.
    """
    staging = Staging(warehouse, kind)
    columns = [column for column in frame.columns if column != "line"]
    try:
        staging.read_arrow(0, frame.select(*columns, pl.col("line").alias(LINE)).to_arrow(), with_lines=True)
        staging.unite([source], columns)
    finally:
        staging.close()
    counts = [SourceCount(source, frame.height)]
    return Staged(kind, columns, counts, {source: lambda records: staging.lines(0, records)})


def stage_delivery(warehouse: Warehouse, delivery: Delivery) -> dict[str, Staged]:
    """Stage what a source delivers; kind to staged table."""
    frames = {
        "users": delivery.users,
        "items": delivery.items,
        "interactions": delivery.interactions,
    }
    return {kind: stage_frame(warehouse, kind, frame) for kind, frame in frames.items()}
