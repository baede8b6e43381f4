"""Staged rows judged and counted: by a load before it merges them, by a check that merges nothing."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from tasks.ingest.content import with_hashes
from tasks.ingest.mapping import (
    also_kind,
    check_columns,
    check_timezones,
    event_rules,
    item_rules,
    search_rules,
)
from tasks.ingest.reading import Staged
from tasks.settings.data import Also, Data
from warehouse import merging
from warehouse.connection import Warehouse
from warehouse.errors import SourceError
from warehouse.expressions import DAY_S
from warehouse.validation import LEFT_OUT, PER_SOURCE, Judging, Rows
from warehouse.validation_events import judge_interactions, judge_searches
from warehouse.validation_items import add_unknown_items, judge_items

FORCE = "if that is meant, run `polyrec run --force`"


@dataclass(frozen=True)
class Judged:
    """Rows that were judged; they lie in `staging`, and the warehouse's own tables are as before.

    Attributes:
        judging: Runs further statements on them.
        staged: Kind to staged table.
        rows: Kind to its columns and sources.
        content: Columns declared as content: kind and column.
        time_unit: What numbers in the column of times were taken for; None for dates, or without times.
    """

    judging: Judging
    staged: Mapping[str, Staged]
    rows: Mapping[str, Rows]
    content: list[tuple[str, str]]
    time_unit: str | None

    def place(self, kind: str, n: int) -> tuple[str, int]:
        """Source and line (from 1) of a row that is known by `n`."""
        number, record = divmod(n, PER_SOURCE)
        source = self.rows[kind].sources[number]
        return source, self.staged[kind].lines(source, [record])[0]


@dataclass(frozen=True)
class Fault:
    """Why a delivery looks broken."""

    kind: str
    rows: int
    why: str


@contextmanager
def judged(warehouse: Warehouse, data: Data, staged: Mapping[str, Staged]) -> Iterator[Judged]:
    """Judge staged rows, each of which is used, set aside for a reason, or merged into another.

    Args:
        warehouse: Open for writing; not inside a transaction.
        data: What the delivered columns mean.
        staged: Kind to staged table.

    Raises:
        SettingsError: a column or time zone does not exist.
        SourceError: a delivery has no columns.
    """
    rows = {
        kind: Rows(kind, table.columns, [count.source for count in table.sources])
        for kind, table in staged.items()
    }
    also = {also_kind(number): table for number, table in enumerate(data.items.also)}
    check_columns(data, rows, also)
    content = [("items", column) for column in data.items.content]
    content += [(kind, column) for kind, table in also.items() for column in table.content]
    with Judging(warehouse) as judging:
        check_timezones(judging, data)
        unit = _judge(judging, data, rows, also)
        merging.hold_hashes(judging, with_hashes(merging.judged_content(judging)))
        for kind, table in staged.items():
            merging.hold_lines(judging, kind, _lines(table, merging.rows_aside(judging, rows[kind])))
        yield Judged(judging, staged, rows, content, unit)


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


def faults(warehouse: Warehouse, data: Data, force: bool) -> Iterator[Fault]:
    """Why judged rows look like a broken delivery, beside what the warehouse holds; nothing when forced."""
    if force:
        return
    before = warehouse.query("data_counts").row(0, named=True)
    change, now = merging.item_changes(warehouse), merging.used_counts(warehouse)
    for kind in ("items", "interactions"):
        if before[kind] and not now[kind]:
            yield Fault(
                kind,
                before[kind],
                f"no {kind} that can be used were delivered, where there are {before[kind]:,}: "
                f"nothing was written; look into the files of [data.{kind}], or, {FORCE}",
            )
    active = merging.n_active(warehouse)
    if change.deactivated > data.max_removed_share * active:
        yield Fault(
            "items",
            change.deactivated,
            f"this delivery would deactivate {change.deactivated:,} of {active:,} items, more than "
            f"max_removed_share = {data.max_removed_share:g} allows: nothing was written; "
            f"look into the files of [data.items], or, {FORCE}",
        )


def set_aside(warehouse: Warehouse, found: Judged) -> pl.DataFrame:
    """Write what is not used to quarantine, and count: kind, source, rows_in, used, quarantined, merged.

    Args:
        warehouse: Inside a transaction.
        found: The judged rows.

    Raises:
        SourceError: a sum does not hold.
    """
    merging.clear_quarantine(warehouse)
    totals = []
    merging.write_quarantine(warehouse, found.judging, list(found.rows.values()))
    for kind, table in found.staged.items():
        rows_in = [count.rows_in for count in table.sources]
        totals.append(merging.write_counts(warehouse, found.rows[kind], rows_in))
    counts = pl.concat(totals)
    check_sums(counts)
    return counts


def check_sums(totals: pl.DataFrame) -> None:
    """Hold the books: rows in = used + quarantined + merged, for every kind and source.

    Raises:
        SourceError: a sum does not hold.
    """
    wrong = totals.filter(pl.col("rows_in") != pl.col("used") + pl.col("quarantined") + pl.col("merged"))
    for row in wrong.iter_rows(named=True):
        raise SourceError(
            f"{row['source']} delivered {row['rows_in']:,} rows of {row['kind']}, but {row['used']:,} were "
            f"used, {row['quarantined']:,} quarantined and {row['merged']:,} merged: nothing was written; "
            "please report this with the file"
        )
