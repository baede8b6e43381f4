"""Whatever the source is, its tables staged: what `polyrec run` ingests and `polyrec check` looks at."""

from tasks.ingest.frames import COLUMNS, stage_delivery
from tasks.ingest.mapping import also_kind
from tasks.ingest.movielens import SOURCE, read_movielens
from tasks.ingest.reading import Staged, stage
from tasks.settings import Settings
from tasks.settings_data import Data, Table
from warehouse.connection import Warehouse

MEMORY = "2GB"
"""What DuckDB may hold while it reads, judges, loads and splits."""


def stage_tables(warehouse: Warehouse, settings: Settings) -> tuple[Data, dict[str, Staged]]:
    """Stage all that the source delivers; what its columns mean, and kind to staged table."""
    data = settings.data
    if data.source == SOURCE:
        return COLUMNS, stage_delivery(warehouse, read_movielens(data.max_items, data.max_users))
    kinds = ("users", "items", "interactions", "searches", "triples")
    tables: dict[str, Table] = {kind: getattr(data, kind) for kind in kinds}
    tables |= {also_kind(number): table for number, table in enumerate(data.items.also)}
    return data, {
        kind: stage(warehouse, kind, table, settings.base) for kind, table in tables.items() if table.given
    }
