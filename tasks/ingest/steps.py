"""Ingest: from the source's files to core tables, bad rows to quarantine, events to parts."""

import polars as pl
from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from tasks.fingerprint import fingerprint
from tasks.ingest.movielens import SOURCE, read_movielens
from tasks.ingest.splits import split_table
from tasks.ingest.validation import check_entities, check_interactions
from tasks.stage import StageRun
from warehouse.columns import ITEM, USER


@task(name="load core tables", cache_policy=NO_CACHE)
def load_core(run: StageRun) -> None:
    """Replace items, users, interactions and the quarantine by what the source delivers now."""
    data = run.settings.data
    delivery = read_movielens(data.max_items, data.max_users)
    items = check_entities(delivery.items, ITEM, SOURCE)
    users = check_entities(delivery.users, USER, SOURCE)
    events = check_interactions(delivery.interactions, items.good, users.good, SOURCE)
    quarantine = pl.concat([items.quarantine, users.quarantine, events.quarantine])
    with run.warehouse.transaction():
        run.warehouse.replace("core.items", items.good)
        run.warehouse.replace("core.users", users.good)
        run.warehouse.replace("core.interactions", events.good)
        run.warehouse.replace("quarantine.rows", quarantine, where={"source": SOURCE})
    run.counts |= {
        "items": items.good.height,
        "users": users.good.height,
        "interactions": events.good.height,
        "quarantined": quarantine.height,
    }


@task(name="split interactions", cache_policy=NO_CACHE)
def split(run: StageRun) -> None:
    """Put every event into train, validation or test."""
    protocol = run.settings.data.protocol
    everything = run.warehouse.query("interactions")
    table = split_table(everything, protocol)
    run.warehouse.replace("core.splits", table, where={"protocol": protocol})
    items = run.warehouse.query("items")
    run.fingerprint = fingerprint(items, everything, table["split_hash"].first())


@task(name="show what came in", cache_policy=NO_CACHE)
def show(run: StageRun) -> None:
    """Keep the counts as a table in the Prefect UI."""
    parts = run.warehouse.query("split_parts")
    rows = [{"what": name, "rows": int(count)} for name, count in run.counts.items()]
    rows += [{"what": row["part"], "rows": row["interactions"]} for row in parts.iter_rows(named=True)]
    create_table_artifact(key="ingest", table=rows, description=f"Source {SOURCE}")
