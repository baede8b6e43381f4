"""How the values of a column were read, where a column leaves a choice: said by a check and a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from warehouse.numbers import NumberForms
from warehouse.times import UNITS, TimeForms


@dataclass(frozen=True)
class Reading:
    """What the values of a delivered column were taken for."""

    kind: str  # of the table, such as interactions
    column: str
    what: str  # times, numbers, ids or categories
    said: str  # in words that go on from the column's name
    found: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        own = {"kind": self.kind, "column": self.column, "what": self.what, "said": self.said}
        return {**own, **self.found}


def of_times(kind: str, column: str, forms: TimeForms) -> Reading:
    """How a column of times was read."""
    rules = forms.rules
    earliest, latest = (
        datetime.fromtimestamp(moment, UTC).date().isoformat() for moment in (rules.earliest, rules.latest)
    )
    units = {unit: forms.rows[unit] for unit in UNITS if forms.rows[unit]}
    dates = forms.rows["ISO dates"] + forms.rows["compact dates"] + forms.rows["other dates"]
    found = {
        "units": units,
        "dates": dates,
        "date_order": forms.date_order if forms.ordered else None,
        "positions": forms.positions,
        "earliest": earliest,
        "latest": latest,
    }
    if forms.positions:
        said = "small whole numbers, which are no times since 1970: they say the order of events"
        return Reading(kind, column, "times", said, found)
    parts = [f"{rows:,} as {unit}" for unit, rows in sorted(units.items(), key=lambda one: -one[1])]
    if dates:
        order = forms.ordered and forms.date_order
        order = f", the {order.removesuffix('_first')} first" if order else ""
        parts.append(f"{dates:,} as dates{order}")
    window = f"plausible from {earliest} (earliest in [data.{kind}]) to tomorrow"
    return Reading(kind, column, "times", f"{', '.join(parts) or 'none'}; {window}", found)


def of_numbers(kind: str, column: str, forms: NumberForms) -> Reading | None:
    """How a column of numbers was read; None where it holds plain numbers."""
    parts = []
    if forms.commas:
        parts.append(f"a decimal comma in {forms.commas:,} rows")
    if forms.grouped:
        parts.append(f"thousands apart in {forms.grouped:,}")
    if forms.currency:
        parts.append(f"signs of a currency in {forms.currency:,}")
    if not parts:
        return None
    found = {
        "decimal": forms.decimal,
        "decimal_commas": forms.commas,
        "thousands_apart": forms.grouped,
        "currency_signs": forms.currency,
    }
    return Reading(kind, column, "numbers", ", ".join(parts), found)
