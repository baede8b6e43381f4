"""Tables staged by hand: rows as reading delivers them, without files."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tasks.ingest.loading import Loaded, load
from tasks.ingest.sources import stage_frame
from tasks.settings import Settings
from tasks.settings.data import Data
from warehouse.connection import Warehouse
from warehouse.staging import clear

Row = Sequence[str | None]
ITEMS = (("item_id", "title"), ("1", "Heat"), ("2", "Alien"), ("3", "Ran"))


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    """A frame of text from a header and rows; line as in a file whose header is line 1."""
    header, *body = rows
    schema = dict.fromkeys((str(name) for name in header), pl.String)
    table = pl.DataFrame([tuple(row) for row in body], schema=schema, orient="row")
    return table.with_row_index("line", offset=2).with_columns(pl.col("line").cast(pl.Int64))


def load_rows(
    warehouse: Warehouse,
    interactions: Sequence[Row],
    items: Sequence[Row] = ITEMS,
    data: Data | None = None,
    settings: Settings | None = None,
    **further: Sequence[Row],
) -> Loaded:
    """Load tables given as a header and rows each."""
    data = data or Data(source="files")
    try:
        tables = {"items": items, "interactions": interactions, **further}
        staged = {
            kind: stage_frame(warehouse, kind, frame(rows), f"{kind}.csv") for kind, rows in tables.items()
        }
        return load(warehouse, settings or Settings(home=Path("unused")), data, staged)
    finally:
        clear(warehouse)


def quarantined(warehouse: Warehouse, kind: str) -> list[tuple[int, str | None, str]]:
    """line, field and reason of the rows of a kind in quarantine."""
    return bad_rows(warehouse).filter(kind=kind).select("line", "field", "reason").rows()


def seen_only(warehouse: Warehouse) -> list[tuple[str, str, int, float | None, str | None, str]]:
    """user, item, time, value as delivered, type and reason of events that show no interest."""
    columns = "user_id, item_id, event_time, value, event_type, reason"
    return warehouse.run(f"select {columns} from core.seen_only order by all")


def bad_rows(warehouse: Warehouse) -> pl.DataFrame:
    """All rows in quarantine."""
    return warehouse.frame("from quarantine.rows order by kind, source, line")


def merged_rows(warehouse: Warehouse) -> pl.DataFrame:
    """All rows that were merged into others."""
    return warehouse.frame("from quarantine.merged order by kind, source, line")
