"""Ingest: from the source's tables to core tables, bad rows to quarantine, events to parts."""

from prefect.artifacts import create_table_artifact

from tasks.ingest.loading import load
from tasks.ingest.sources import MEMORY, stage_tables
from tasks.ingest.splits import split_interactions
from tasks.ingest.validation import none_used
from tasks.run.fingerprint import fingerprint
from tasks.run.stage import StageRun
from tasks.run.step import step
from warehouse.errors import SourceError
from warehouse.staging import clear

REASONS_SHOWN = 20


@step("load core tables")
def load_core(run: StageRun) -> None:
    """Merge what the source delivers now into the core tables; what cannot be used goes to quarantine."""
    with run.warehouse.memory_limit(MEMORY):
        try:
            data, staged = stage_tables(run.warehouse, run.settings)
            loaded = load(run.warehouse, run.settings, data, staged)
        finally:
            clear(run.warehouse)
    run.counts |= loaded.counts
    used = {kind: loaded.counts[kind] for kind in ("items", "interactions")}
    for problem in none_used(loaded.totals, used):
        reasons = run.warehouse.query("quarantine_reasons").filter(kind=problem.kind)["reason"]
        because = f" (most of them are set aside because: {reasons[0]})" if reasons.len() else ""
        raise SourceError(f"{problem.kind}: {problem.reason}{because}")


@step("split interactions")
def split(run: StageRun) -> None:
    """Put every event into its part, by the protocol."""
    with run.warehouse.memory_limit(MEMORY):
        hashed = split_interactions(run.warehouse, run.settings.data, run.settings.seed)
    names = ("items", "interactions_hash", "seen_only_hash")
    items, events, seen_only = (run.warehouse.query(name) for name in names)
    run.fingerprint = fingerprint(items, events, hashed, *([seen_only] if seen_only.height else []))


@step("show what came in")
def show(run: StageRun) -> None:
    """Keep the counts as a table in the Prefect UI."""
    rows = [
        {"what": f"{row['kind']} of {row['source']}: {name.replace('_', ' ')}", "rows": row[name]}
        for row in run.warehouse.query("ingest_counts").iter_rows(named=True)
        for name in ("rows_in", "used", "quarantined", "merged", "seen_only")
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
