"""Whatever the source is, its tables staged: what `polyrec run` ingests and `polyrec check` looks at."""

from pathlib import Path

import polars as pl

from tasks.ingest.mapping import also_tables, join_tables, joined_tables
from tasks.ingest.movielens import SOURCE, Delivery, read_movielens
from tasks.ingest.reading import stage
from tasks.ingest.sets.catalogue import folder_of_sets
from tasks.ingest.sets.prepare import builtin, overlay
from tasks.settings import Settings
from tasks.settings.data import Data, Interactions, Items, Table
from warehouse.connection import Warehouse
from warehouse.staging import LINE, Staged, Staging

KINDS = ("users", "items", "interactions", "searches", "triples")
MEMORY = "2GB"
"""What DuckDB may hold while it reads, validates, loads and splits."""

COLUMNS = Data(
    items=Items(year="year", categories="categories"),
    interactions=Interactions(time="event_time", value="value"),
)
"""What the columns of a Delivery mean."""


def stage_tables(warehouse: Warehouse, settings: Settings) -> tuple[Data, dict[str, Staged]]:
    """Stage all that the source delivers; what its columns mean, and kind to staged table.

    Raises:
        SourceError: a built-in set was not fetched: a person has to accept its terms, so no run fetches.
    """
    data, staged = settings.data, {}
    if data.source == SOURCE:
        staged = stage_delivery(warehouse, read_movielens(data.max_items, data.max_users))
        data = described(data)
    elif data.source != "files":
        data = builtin(data, settings.data_folder)
    tables: dict[str, Table] = {kind: getattr(data, kind) for kind in KINDS}
    for kind, table in (tables | also_tables(data) | joined_tables(data)).items():
        if table.given:
            staged[kind] = stage(warehouse, kind, table, _base(settings, table))
    join_tables(warehouse, data, staged)
    return data, staged


def _base(settings: Settings, table: Table) -> Path:
    """What the names of a table's files are relative to."""
    sets = folder_of_sets(settings.data_folder)
    of_a_set = bool(table.files) and all(Path(name).is_relative_to(sets) for name in table.files)
    return sets if of_a_set else settings.base


def described(data: Data) -> Data:
    """The settings with the columns of a Delivery in place; how much of it to keep, its reader was told.

    Raises:
        SourceError: the settings name files for what the source delivers itself.
    """
    kinds = ("items", "interactions", "users")
    columns = {kind: overlay(getattr(COLUMNS, kind), getattr(data, kind)) for kind in kinds}
    return data.model_copy(update={**columns, "max_items": None, "max_users": None})


def stage_delivery(warehouse: Warehouse, delivery: Delivery) -> dict[str, Staged]:
    """Stage what a source delivers; kind to staged table."""
    kinds = ("users", "items", "interactions")
    return {kind: stage_frame(warehouse, kind, getattr(delivery, kind)) for kind in kinds}


def stage_frame(warehouse: Warehouse, kind: str, frame: pl.DataFrame, source: str = SOURCE) -> Staged:
    """Stage a frame that has a column `line`, in the place of what was staged of its kind.

    The rows are counted by the frame itself; `source` is what they are said to come from.
    """
    staging = Staging(warehouse, kind)
    columns = [column for column in frame.columns if column != "line"]
    staging.read_arrow(0, frame.select(*columns, pl.col("line").alias(LINE)).to_arrow(), with_lines=True)
    staging.unite([source], columns)
    return Staged(kind, columns, {source: frame.height}, {source: lambda records: staging.lines(0, records)})
