"""From staged rows to core tables: judged, guarded against a broken delivery, merged, counted."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import polars as pl

from tasks.ingest.content import refuse_computed
from tasks.ingest.reading import Staged
from tasks.ingest.validation import faults, judged, set_aside
from tasks.settings import Settings
from tasks.settings.data import Data
from warehouse import merging
from warehouse.connection import Warehouse
from warehouse.errors import SourceError
from warehouse.validation import Rows


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
        SourceError: the delivery is empty, or lacks too many items, where that was not so before.
    """
    with judged(warehouse, data, staged) as found:
        refuse_computed(found.judging, [column for _, column in found.content])
        for fault in faults(warehouse, data, settings.data.force):
            raise SourceError(fault.why)
        with warehouse.transaction():
            counts = _merge(warehouse, settings, found.rows)
            totals = set_aside(warehouse, found)
    merging.check_quarantine(warehouse, totals)
    counts |= {name: float(totals[name].sum()) for name in ("rows_in", "quarantined", "merged")}
    counts["order_is_time"] = float(data.interactions.time is None)
    return Loaded(totals, counts, found.time_unit)


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
