"""From staged rows to core tables: judged, guarded against a broken delivery, merged, counted."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import polars as pl

from tasks.ingest.content import refuse_computed, with_hashes
from tasks.ingest.errors import IngestError
from tasks.ingest.mapping import (
    also_kind,
    check_columns,
    check_timezones,
    event_rules,
    item_rules,
    search_rules,
)
from tasks.ingest.reading import Staged
from tasks.settings import Settings
from tasks.settings_data import Also, Data
from warehouse import merging
from warehouse.connection import Warehouse
from warehouse.expressions import DAY_S
from warehouse.judging import LEFT_OUT, Judging, Rows
from warehouse.judging_events import judge_interactions, judge_searches
from warehouse.judging_items import add_unknown_items, judge_items

FORCE = "if that is meant, run `polyrec run --force`"


@dataclass(frozen=True)
class Loaded:
    """What a load did.

    Attributes:
        totals: kind, source, rows_in, used, quarantined, merged.
        counts: What is worth remembering, such as items_added.
        time_unit: What numbers in the column of times were taken for; None for dates, or without times.
    """

    totals: pl.DataFrame
    counts: dict[str, float]
    time_unit: str | None


def load(warehouse: Warehouse, settings: Settings, data: Data, staged: Mapping[str, Staged]) -> Loaded:
    """Judge staged rows and merge them into the core tables, all or nothing.

    Args:
        warehouse: Open for writing; not inside a transaction.
        settings: The catalogue's rules; whether a broken delivery is forced.
        data: What the delivered columns mean.
        staged: Kind to staged table.

    Raises:
        SettingsError: a column or time zone does not exist, or content is computed from interactions.
        IngestError: the delivery is empty, or lacks too many items, where that was not so before.
    """
    rows = {
        kind: Rows(kind, table.columns, [count.source for count in table.sources])
        for kind, table in staged.items()
    }
    also = {also_kind(number): table for number, table in enumerate(data.items.also)}
    check_columns(data, rows, also)
    with Judging(warehouse) as judging:
        check_timezones(judging, data)
        unit = _judge(judging, data, rows, also)
        refuse_computed(
            judging, [*data.items.content, *(name for one in also.values() for name in one.content)]
        )
        merging.hold_hashes(warehouse, with_hashes(merging.judged_content(warehouse)))
        for kind, table in staged.items():
            merging.hold_lines(warehouse, kind, _lines(table, merging.set_aside(judging, rows[kind])))
        _guard(warehouse, data, force=settings.data.force)
        with warehouse.transaction():
            counts = _merge(warehouse, settings, rows)
            totals = _count(warehouse, judging, rows, staged)
    merging.check_quarantine(warehouse, totals)
    counts |= {name: float(totals[name].sum()) for name in ("rows_in", "quarantined", "merged")}
    counts["order_is_time"] = float(data.interactions.time is None)
    return Loaded(totals, counts, unit)


def _judge(judging: Judging, data: Data, rows: Mapping[str, Rows], also: Mapping[str, Also]) -> str | None:
    if "users" in rows:
        judging.judge_users(rows["users"], data.users.id)
    for kind, table in also.items():
        judging.judge_also(rows[kind], table.id, table.description, table.content)
    judge_items(judging, rows["items"], item_rules(data, rows["items"]), list(also))
    latest = int(time.time()) + DAY_S
    rules = event_rules(data, latest)
    unit = judge_interactions(judging, rows["interactions"], rules)
    if rules.add_unknown_items:
        add_unknown_items(judging)
    for kind, table in also.items():
        judging.unmatched(kind, "item id is not in the catalogue", table.id)
    if "searches" in rows:
        judge_searches(judging, rows["searches"], search_rules(data, latest))
    if data.max_users is not None:
        for kind, column in (("users", data.users.id), ("searches", data.searches.user)):
            if kind in rows:
                judging.unmatched(kind, f"user id {LEFT_OUT}users", column, "user_id", "interactions")
    if "triples" in rows:
        known = data.triples
        judging.judge_texts(
            rows["triples"], {"head": known.head, "relation": known.relation, "tail": known.tail}
        )
    return unit


def _lines(table: Staged, aside: pl.DataFrame) -> pl.DataFrame:
    """The line (from 1) of every row that is not used: n, line."""
    schema = {"n": pl.Int64, "line": pl.Int64}
    found = [pl.DataFrame(schema=schema)]
    for place, count in enumerate(table.sources):
        own = aside.filter(pl.col("place") == place)
        lines = table.lines(count.source, own["record"].to_list())
        found.append(pl.DataFrame({"n": own["n"], "line": pl.Series(lines, dtype=pl.Int64)}, schema=schema))
    return pl.concat(found)


def _guard(warehouse: Warehouse, data: Data, force: bool) -> None:
    """Stop before anything is written when a delivery looks broken."""
    if force:
        return
    before = warehouse.query("data_counts").row(0, named=True)
    change, now = merging.item_changes(warehouse), merging.used_counts(warehouse)
    for kind in ("items", "interactions"):
        if before[kind] and not now[kind]:
            raise IngestError(
                f"no {kind} that can be used were delivered, where there are {before[kind]:,}: "
                f"nothing was written; look into the files of [data.{kind}], or, {FORCE}"
            )
    active = merging.n_active(warehouse)
    if change.deactivated > data.max_removed_share * active:
        raise IngestError(
            f"this delivery would deactivate {change.deactivated:,} of {active:,} items, more than "
            f"max_removed_share = {data.max_removed_share:g} allows: nothing was written; "
            f"look into the files of [data.items], or, {FORCE}"
        )


def _merge(warehouse: Warehouse, settings: Settings, rows: Mapping[str, Rows]) -> dict[str, float]:
    change = merging.item_changes(warehouse)
    merging.merge_items(warehouse)
    merging.merge_users(warehouse, with_profiles="users" in rows)
    events = merging.merge_interactions(warehouse)
    for kind, columns in (
        ("searches", ("user_id", "query", "event_time")),
        ("triples", ("head", "relation", "tail")),
    ):
        if kind in rows:
            merging.replace_texts(warehouse, f"core.{kind}", kind, columns)
    rules = settings.catalogue
    not_allowed = merging.set_allowed(warehouse, rules.blocked, rules.excluded_categories)
    counts = {name: float(n) for name, n in warehouse.query("data_counts").row(0, named=True).items()}
    counts |= {f"items_{name}": float(n) for name, n in asdict(change).items()}
    counts |= {f"interactions_{name}": float(n) for name, n in asdict(events).items()}
    return counts | {"items_not_allowed": float(not_allowed)}


def _count(
    warehouse: Warehouse, judging: Judging, rows: Mapping[str, Rows], staged: Mapping[str, Staged]
) -> pl.DataFrame:
    merging.clear_quarantine(warehouse)
    totals = []
    merging.write_quarantine(warehouse, judging, list(rows.values()))
    for kind, table in staged.items():
        rows_in = [count.rows_in for count in table.sources]
        totals.append(merging.write_counts(warehouse, rows[kind], rows_in))
    found = pl.concat(totals)
    check_sums(found)
    return found


def check_sums(totals: pl.DataFrame) -> None:
    """Hold the books: rows in = used + quarantined + merged, for every kind and source.

    Raises:
        IngestError: a sum does not hold.
    """
    wrong = totals.filter(pl.col("rows_in") != pl.col("used") + pl.col("quarantined") + pl.col("merged"))
    for row in wrong.iter_rows(named=True):
        raise IngestError(
            f"{row['source']} delivered {row['rows_in']:,} rows of {row['kind']}, but {row['used']:,} were "
            f"used, {row['quarantined']:,} quarantined and {row['merged']:,} merged: nothing was written; "
            "please report this with the file"
        )
