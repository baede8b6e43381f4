"""Keeps the warehouse from growing without end; docs/architecture/operations.md states the rule."""

from datetime import datetime, timedelta
from typing import NamedTuple

from warehouse.columns import TEXT_ID
from warehouse.connection import Warehouse
from warehouse.snapshot import remove_old_snapshots

# All that is kept of a text beside its vectors.
TEXT_TABLES = tuple(
    f"features.{name}"
    for name in ("texts", "idle_texts", "text_quality", "text_spread", "text_reviews", "relevance")
)
LISTS_OF_PUBLICATIONS = tuple(
    f"serving.{name}" for name in ("recommendations", "diverse_lists", "candidates", "rule_effects")
)


class Compacted(NamedTuple):
    """What one compaction did."""

    removed: dict[str, int]  # table to rows, and `snapshots` to files
    needed_runs: set[str]  # MLflow runs behind the publications that are kept: they must stay


def compact(
    warehouse: Warehouse, publications: int, runs_days: int, texts_days: int, now: datetime
) -> Compacted:
    """Remove what the rule does not keep at this time (with its zone), all or nothing.

    The newest `publications` keep their lists; the one that is served always does. Rows about runs and
    publications go after `runs_days`, a text after it has been idle for `texts_days`.
    """
    kept = warehouse.query("kept_publications", publications=publications)["publication_id"].to_list()
    before = now - timedelta(days=runs_days)
    tables = (
        *("serving.recommendations", "serving.publications", "serving.fusion_models", "serving.decisions"),
        *("ops.runs", "serving.candidates", "serving.diverse_lists", "features.texts"),
        *_vector_tables(warehouse),
    )
    with warehouse.transaction():
        rows = {table: _rows(warehouse, table) for table in tables}
        for table in LISTS_OF_PUBLICATIONS:
            warehouse.run(f"delete from {table} where publication_id not in $kept", {"kept": kept})
        warehouse.execute("mark_compacted_publications", kept=kept)
        warehouse.execute("compact_publications", kept=kept, before=before)
        for what in ("fusion_models", "decisions", "runs"):
            warehouse.execute(f"compact_{what}", before=before)
        _compact_texts(warehouse, now, timedelta(days=texts_days))
        removed = {table: rows[table] - _rows(warehouse, table) for table in tables}
    removed["snapshots"] = len(remove_old_snapshots(warehouse.folder, publications))
    needed = warehouse.query("needed_mlflow_runs", kept=kept)["mlflow_run_id"]
    return Compacted(removed, set(needed))


def _compact_texts(warehouse: Warehouse, now: datetime, patience: timedelta) -> None:
    """Remove texts, and their vectors, that were neither live nor in a kept list for long."""
    warehouse.execute("forget_idle_texts")
    warehouse.execute("note_idle_texts", now=now)
    idle = warehouse.query("long_idle_texts", before=now - patience)[TEXT_ID].to_list()
    if idle:
        for table in _vector_tables(warehouse):
            warehouse.delete(table, {"owner_kind": "text", "owner_id": idle})
        for table in TEXT_TABLES:
            warehouse.delete(table, {TEXT_ID: idle})


def _vector_tables(warehouse: Warehouse) -> list[str]:
    """One a text encoder: found from the catalogue, so that a new encoder's is covered."""
    return warehouse.query("tables_with_column", column="owner_kind")["table_name"].to_list()


def _rows(warehouse: Warehouse, table: str) -> int:
    schema, _, name = table.partition(".")
    return warehouse.query("table_rows", schema=schema, table=name)["rows"][0]
