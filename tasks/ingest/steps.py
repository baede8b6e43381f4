"""Ingest: from the source's tables to core tables, bad rows to quarantine, events to parts."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from tasks.fingerprint import fingerprint
from tasks.ingest.errors import IngestError
from tasks.ingest.frames import described, stage_delivery
from tasks.ingest.loading import load
from tasks.ingest.mapping import also_kind
from tasks.ingest.movielens import SOURCE, read_movielens
from tasks.ingest.reading import Staged, stage
from tasks.ingest.sets import builtin, folder_of_sets
from tasks.ingest.splits import split_interactions
from tasks.settings import Settings
from tasks.settings_data import Data, Table
from tasks.stage import StageRun
from warehouse.connection import Warehouse
from warehouse.staging import clear

MEMORY = "2GB"
"""What DuckDB may hold while it loads and splits."""
REASONS_SHOWN = 20
KINDS = ("users", "items", "interactions", "searches", "triples")


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


@task(name="load core tables", cache_policy=NO_CACHE)
def load_core(run: StageRun) -> None:
    """Merge what the source delivers now into the core tables; what cannot be used goes to quarantine."""
    with run.warehouse.memory_limit(MEMORY):
        try:
            data, staged = stage_tables(run.warehouse, run.settings)
            loaded = load(run.warehouse, run.settings, data, staged)
        finally:
            clear(run.warehouse)
    run.counts |= loaded.counts
    for kind in ("items", "interactions"):
        if not loaded.counts[kind]:
            reasons = run.warehouse.query("quarantine_reasons")
            first = f", most of them because {reasons['reason'][0]}" if reasons.height else ""
            raise IngestError(
                f"none of the {kind} delivered can be used: {loaded.counts['quarantined']:,.0f} rows are in "
                f"quarantine{first}; look into the files and the columns that [data.{kind}] names"
            )


@task(name="split interactions", cache_policy=NO_CACHE)
def split(run: StageRun) -> None:
    """Put every event into its part, by the protocol."""
    with run.warehouse.memory_limit(MEMORY):
        hashed = split_interactions(run.warehouse, run.settings.data, run.settings.seed)
    items, events = run.warehouse.query("items"), run.warehouse.query("interactions_hash")
    run.fingerprint = fingerprint(items, events, hashed)


@task(name="show what came in", cache_policy=NO_CACHE)
def show(run: StageRun) -> None:
    """Keep the counts as a table in the Prefect UI."""
    rows = [
        {"what": f"{row['kind']} of {row['source']}: {name.replace('_', ' ')}", "rows": row[name]}
        for row in run.warehouse.query("ingest_counts").iter_rows(named=True)
        for name in ("rows_in", "used", "quarantined", "merged")
    ]
    rows += [
        {"what": f"{row['kind']} in quarantine: {row['reason']}", "rows": row["rows"]}
        for row in run.warehouse.query("quarantine_reasons").head(REASONS_SHOWN).iter_rows(named=True)
    ]
    rows += [
        {"what": name.replace("_", " "), "rows": int(count)}
        for name, count in run.counts.items()
        if name.startswith(("items", "users", "interactions"))
    ]
    parts = run.warehouse.query("split_parts")
    rows += [{"what": row["part"], "rows": row["interactions"]} for row in parts.iter_rows(named=True)]
    order = "; no times were delivered: the order of rows is the time" if run.counts["order_is_time"] else ""
    create_table_artifact(key="ingest", table=rows, description=f"Source {run.settings.data.source}{order}")
