"""From staged rows to core tables: validated, guarded against a broken delivery, merged, counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tasks.ingest.content import computed_columns
from tasks.ingest.readings import Reading
from tasks.ingest.validation import refusals, set_aside, validate
from tasks.settings import Settings
from tasks.settings.data import Data
from warehouse import merging
from warehouse.connection import Warehouse
from warehouse.errors import SettingsError, SourceError
from warehouse.staging import Staged


@dataclass(frozen=True)
class Loaded:
    """What a load did."""

    totals: pl.DataFrame  # the rows of ingest_counts.sql
    counts: dict[str, float]  # what is worth remembering, such as items_added
    readings: Sequence[Reading]  # as in `Validated`, like `numbers_are`
    numbers_are: str | None


def load(warehouse: Warehouse, settings: Settings, data: Data, staged: Mapping[str, Staged]) -> Loaded:
    """Validate staged rows and merge them into the core tables, all or nothing.

    The warehouse is open for writing, not inside a transaction; `data` says what the delivered columns mean.

    Raises:
        SettingsError: a column or time zone does not exist, or content is computed from interactions.
        SourceError: the delivery is empty, or lacks too many items, where that was not so before.
    """
    found = validate(warehouse, data, staged)
    for _, why in computed_columns(warehouse, found.content):
        raise SettingsError(why)
    for refusal in refusals(warehouse, data, settings.data.force):
        raise SourceError(refusal.reason)
    with warehouse.transaction():
        counts = _merge(warehouse, settings, staged)
        totals = set_aside(warehouse, found)
    merging.check_quarantine(warehouse, totals)
    counts |= {name: float(totals[name].sum()) for name in ("rows_in", "quarantined", "merged")}
    counts["order_is_time"] = float(found.order_is_time)
    return Loaded(totals, counts, found.readings, found.numbers_are)


def _merge(warehouse: Warehouse, settings: Settings, staged: Mapping[str, Staged]) -> dict[str, float]:
    change = merging.item_changes(warehouse)
    merging.merge_items(warehouse)
    merging.merge_users(warehouse)
    events = merging.merge_interactions(warehouse)
    for kind, columns in (
        ("searches", ("user_id", "query", "event_time")),
        ("triples", ("head", "relation", "tail")),
    ):
        if kind in staged:
            merging.put(warehouse, f"core.{kind}", kind, columns)
    rules = settings.catalogue
    not_allowed = merging.set_allowed(warehouse, rules.blocked, rules.excluded_categories)
    counts = {name: float(n) for name, n in warehouse.query("data_counts").row(0, named=True).items()}
    counts |= {f"items_{name}": float(n) for name, n in change.items()}
    counts |= {f"interactions_{name}": float(n) for name, n in events.items()}
    return counts | {"items_not_allowed": float(not_allowed)}
