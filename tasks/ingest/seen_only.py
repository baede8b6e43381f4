"""What a check says of rows that make items seen but show no interest, and of doubtful interest."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from tasks.ingest.findings import SHOWN, Example, Problem
from tasks.ingest.validation import Validated
from tasks.settings.data import Interactions
from warehouse.checking import delivered_value
from warehouse.connection import Warehouse
from warehouse.validation import table_of
from warehouse.validation_events import AMOUNT_BELOW, BELOW_MIN_VALUE, NO_WEIGHT

MAX_VALUES = 10  # distinct values below min_value that are told one by one
MAX_TOLD = 30
MAX_TYPES = 200


def told(rows: pl.DataFrame, min_value: float | None) -> list[dict[str, Any]]:
    """Reasons in words with their counts, the most frequent first, from rows of staged/seen_only.sql."""
    by_value = pl.col("reason").is_in([BELOW_MIN_VALUE, AMOUNT_BELOW])
    low = rows.filter(by_value)
    few, below = low.height <= MAX_VALUES, f"is below min_value = {min_value:g}" if low.height else ""
    found = [(f"value {value:g} {below}", n) for value, n in low.select("value", "rows").rows() if few]
    if low.height and not few:
        found.append((f"value {below}", int(low["rows"].sum())))
    typed = rows.filter(~by_value).select("event_type", "reason", "rows")
    found += [(_of_type(name, why), n) for name, why, n in typed.rows()]
    found.sort(key=lambda one: (-one[1], one[0]))
    if rest := found[MAX_TOLD:]:
        found = [*found[:MAX_TOLD], (f"{len(rest):,} further reasons", sum(n for _, n in rest))]
    return [{"reason": reason, "count": n} for reason, n in found]


def unnamed_types(rows: pl.DataFrame, validated: Validated, column: str | None) -> Iterator[Problem]:
    """Types of events that event_weights does not name: which of them show interest is not said."""
    for row in rows.filter(reason=NO_WEIGHT).head(MAX_TYPES).iter_rows(named=True):
        name = row["event_type"]
        example = Example(*validated.place("interactions", row["first"]), column, name[:SHOWN])
        yield Problem("interactions", _of_type(name, NO_WEIGHT), row["rows"], example)


def low_interest(warehouse: Warehouse, validated: Validated, events: Interactions) -> Iterator[Problem]:
    """Values of 0 or below that count as interest, since no min_value is set: that is seldom meant."""
    rows, n = warehouse.run(f"select count(*), min(n) from {table_of('interactions', 'used')} where low")[0]
    if rows and events.value:
        why = (
            "value is 0 or below and counts as interest, since no min_value is set; write the lowest value "
            "that shows some: min_value = ... in [data.interactions]"
        )
        value = delivered_value(warehouse, validated.staged["interactions"], events.value, n)
        source, line = validated.place("interactions", n)
        yield Problem("interactions", why, rows, Example(source, line, events.value, value))


def _of_type(name: str, why: str) -> str:
    return f"event type '{name[:100]}' has {why}"
