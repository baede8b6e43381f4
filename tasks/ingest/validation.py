"""Staged rows validated and counted: by a load before it merges them, by a check that merges nothing."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tasks.ingest.content import with_hashes
from tasks.ingest.findings import Problem
from tasks.ingest.mapping import (
    COLUMNS,
    also_tables,
    check_columns,
    check_timezones,
    event_rules,
    item_rules,
    search_rules,
)
from tasks.ingest.readings import Reading, of_numbers, of_times
from tasks.ingest.spelling import Unread, respell_tables
from tasks.settings.data import Data
from warehouse import merging
from warehouse.connection import Warehouse
from warehouse.errors import SourceError
from warehouse.expressions import DAY_S
from warehouse.staging import Staged
from warehouse.times import POSITIONS
from warehouse.validation import (
    LEFT_OUT,
    PER_SOURCE,
    set_unmatched_aside,
    validate_also,
    validate_texts,
    validate_users,
)
from warehouse.validation_events import EventForms, EventRules, validate_interactions, validate_searches
from warehouse.validation_items import validate_items

FORCE = "if that is meant, run `polyrec run --force`"


@dataclass(frozen=True)
class Validated:
    """Rows that were validated; they lie in `staging`, and the warehouse's own tables are as before."""

    staged: Mapping[str, Staged]  # by kind
    content: Mapping[str, str]  # columns declared as content, and the kind of each; of two, that of the items
    readings: Sequence[Reading]  # how columns were read
    numbers_are: str | None  # what numbers in the column of times were taken for; None for dates and no times
    unread: Sequence[Unread] = ()  # cells of objects that no name can be told of

    @property
    def order_is_time(self) -> bool:
        """Whether events have an order, by their rows or by positions in a column, and no times."""
        times = any((one.kind, one.what) == ("interactions", "times") for one in self.readings)
        return not times or self.numbers_are == POSITIONS

    def place(self, kind: str, n: int) -> tuple[str, int]:
        """Source and line (from 1) of a row that is known by `n`."""
        number, record = divmod(n, PER_SOURCE)
        source = self.staged[kind].sources[number]
        return source, self.staged[kind].lines(source, [record])[0]


def validate(warehouse: Warehouse, data: Data, staged: Mapping[str, Staged]) -> Validated:
    """Validate staged rows, each of which is used, set aside for a reason, or merged into another.

    The warehouse is open for writing, not inside a transaction; `data` says what the delivered columns mean.

    Raises:
        SettingsError: a column or time zone does not exist.
        SourceError: a delivery has no columns.
    """
    check_columns(data, staged)
    check_timezones(warehouse, data)
    readings, unread = respell_tables(warehouse, data, staged)
    forms = _validate_kinds(warehouse, data, staged)
    merging.hold_hashes(warehouse, with_hashes(merging.validated_content(warehouse)))
    for kind, table in staged.items():
        merging.hold_lines(warehouse, kind, _lines(table, merging.rows_aside(warehouse, kind)))
    content: dict[str, str] = {}
    for kind, table in {"items": data.items, **also_tables(data)}.items():
        for column in table.content:
            content.setdefault(column, kind)
    times = forms["interactions"][1].times
    readings += [one for kind, (rules, found) in forms.items() for one in _readings(kind, rules, found)]
    return Validated(staged, content, readings, times.numbers_are if times else None, unread)


def _readings(kind: str, rules: EventRules, forms: EventForms) -> Iterator[Reading]:
    """How the columns of events were read."""
    if rules.time and forms.times:
        yield of_times(kind, rules.time, forms.times)
    if rules.value and forms.numbers and (numbers := of_numbers(kind, rules.value, forms.numbers)):
        yield numbers


def _validate_kinds(
    warehouse: Warehouse, data: Data, staged: Mapping[str, Staged]
) -> dict[str, tuple[EventRules, EventForms]]:
    """Validate kind by kind, in the order in which they need each other; returns what events hold."""
    latest = int(time.time()) + DAY_S
    also, rules = also_tables(data), event_rules(data, latest)
    if "users" in staged:
        validate_users(warehouse, staged["users"], data.users.id)
    else:
        warehouse.execute("staged/no_users")
    for kind, table in also.items():
        validate_also(warehouse, staged[kind], table.id, table.description, table.content)
    validate_items(warehouse, staged["items"], item_rules(data, staged["items"]), list(also))
    forms = {"interactions": (rules, validate_interactions(warehouse, staged["interactions"], rules))}
    if rules.add_unknown_items:
        warehouse.execute("staged/add_unknown_items")
    for kind, table in also.items():
        set_unmatched_aside(warehouse, kind, "item id is not in the catalogue", table.id)
    if "searches" in staged:
        searched = search_rules(data, latest)
        forms["searches"] = (searched, validate_searches(warehouse, staged["searches"], searched))
    if data.max_users is not None:
        for kind, column in (("users", data.users.id), ("searches", data.searches.user)):
            if kind in staged:
                reason = f"user id {LEFT_OUT}users"
                set_unmatched_aside(warehouse, kind, reason, column, "user_id", "interactions")
    if "triples" in staged:
        columns = {key: getattr(data.triples, key) for key in COLUMNS["triples"]}
        validate_texts(warehouse, staged["triples"], columns)
    return forms


def _lines(table: Staged, aside: pl.DataFrame) -> pl.DataFrame:
    """The line (from 1) of every row that is not used: n, line."""
    schema = {"n": pl.Int64, "line": pl.Int64}
    found = [pl.DataFrame(schema=schema)]
    for place, source in enumerate(table.sources):
        own = aside.filter(pl.col("place") == place)
        lines = table.lines(source, own["record"].to_list())
        found.append(pl.DataFrame({"n": own["n"], "line": pl.Series(lines, dtype=pl.Int64)}, schema=schema))
    return pl.concat(found)


def refusals(warehouse: Warehouse, data: Data, force: bool) -> Iterator[Problem]:
    """Why validated rows look like a broken delivery, beside what the warehouse holds; none when forced."""
    if force:
        return
    before = warehouse.query("data_counts").row(0, named=True)
    gone = merging.item_changes(warehouse)["deactivated"]
    now = warehouse.query("staged/used").row(0, named=True)
    for kind in ("items", "interactions"):
        if before[kind] and not now[kind]:
            why = (
                f"no {kind} that can be used were delivered, where there are {before[kind]:,}: "
                f"nothing was written; look into the files of [data.{kind}], or, {FORCE}"
            )
            yield Problem(kind, why, before[kind], fatal=True)
    active = now["active_before"]
    if gone > data.max_removed_share * active:
        why = (
            f"this delivery would deactivate {gone:,} of {active:,} items, more than "
            f"max_removed_share = {data.max_removed_share:g} allows: nothing was written; "
            f"look into the files of [data.items], or, {FORCE}"
        )
        yield Problem("items", why, gone, fatal=True)


def none_used(counts: pl.DataFrame, used: Mapping[str, float]) -> Iterator[Problem]:
    """Kinds of which nothing is left to recommend from; `counts` as from `set_aside`, `used` by kind."""
    for kind, n in used.items():
        if not n:
            of_kind = counts.filter(kind=kind)
            rows, seen = int(of_kind["rows_in"].sum()), int(of_kind["seen_only"].sum())
            what = f"none of the {rows:,} rows delivered can be used" if rows else "no rows are delivered"
            if seen:
                what += f", and {seen:,} of them are seen only: by min_value or event_weights no interest"
            why = f"{what}; look into the files and columns that [data.{kind}] names"
            yield Problem(kind, why, rows, fatal=True)


def set_aside(warehouse: Warehouse, found: Validated) -> pl.DataFrame:
    """Write what is not used to quarantine, and count: the rows of ingest_counts.sql."""
    merging.clear_quarantine(warehouse)
    merging.write_quarantine(warehouse, found.staged)
    counts = pl.concat([merging.write_counts(warehouse, table) for table in found.staged.values()])
    check_sums(counts)
    return counts


def check_sums(totals: pl.DataFrame) -> None:
    """Hold the books: rows in = used + quarantined + merged + seen only, for every kind and source.

    Raises:
        SourceError: a sum does not hold.
    """
    became = pl.sum_horizontal("used", "quarantined", "merged", "seen_only")
    wrong = totals.filter(pl.col("rows_in") != became)
    for row in wrong.iter_rows(named=True):
        raise SourceError(
            f"{row['source']} delivered {row['rows_in']:,} rows of {row['kind']}, but {row['used']:,} were "
            f"used, {row['quarantined']:,} quarantined, {row['merged']:,} merged and "
            f"{row['seen_only']:,} seen only: nothing was written; please report this with the file"
        )
