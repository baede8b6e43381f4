"""Whatever the source is, its tables staged: what `polyrec run` ingests and `polyrec check` looks at."""

from pathlib import Path

from tasks.ingest.frames import described, stage_delivery
from tasks.ingest.mapping import also_kind
from tasks.ingest.movielens import SOURCE, read_movielens
from tasks.ingest.reading import Staged, stage
from tasks.ingest.sets import builtin, folder_of_sets
from tasks.settings import Settings
from tasks.settings.data import Data, Table
from warehouse.connection import Warehouse

KINDS = ("users", "items", "interactions", "searches", "triples")
MEMORY = "2GB"
"""What DuckDB may hold while it reads, judges, loads and splits."""


def stage_tables(warehouse: Warehouse, settings: Settings) -> tuple[Data, dict[str, Staged]]:
    """Stage all that the source delivers; what its columns mean, and kind to staged table.

    Raises:
        SetError: a built-in set was not fetched: its terms are to be accepted by a person, so no run fetches.
    """
    data, staged = settings.data, {}
    if data.source == SOURCE:
        staged = stage_delivery(warehouse, read_movielens(data.max_items, data.max_users))
        data = described(data)
    elif data.source != "files":
        data = builtin(data, settings.data_folder)
    tables: dict[str, Table] = {kind: getattr(data, kind) for kind in KINDS}
    tables |= {also_kind(number): table for number, table in enumerate(data.items.also)}
    for kind, table in tables.items():
        if table.given:
            staged[kind] = stage(warehouse, kind, table, _base(settings, table))
    return data, staged


def _base(settings: Settings, table: Table) -> Path:
    """What the names of a table's files are relative to."""
    sets = folder_of_sets(settings.data_folder)
    of_a_set = bool(table.files) and all(Path(name).is_relative_to(sets) for name in table.files)
    return sets if of_a_set else settings.base
