"""What a check found, as a person and a program want to read it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from tasks.ingest.readings import Reading
from warehouse.checking import Figures

SHOWN = 200  # characters of a value that an example shows


@dataclass(frozen=True)
class Example:
    """The first row of a problem: what stands where."""

    source: str | None = None
    line: int | None = None
    field: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Problem:
    """A kind of problem: what it is about, why, how often, where for instance; a fatal one stops a run."""

    kind: str
    reason: str
    count: int
    example: Example | None = None
    fatal: bool = False


@dataclass(frozen=True)
class Findings:
    """All that a check found."""

    problems: Sequence[Problem]  # in any order
    figures: Figures | None = None  # None when reading was stopped
    sources: Sequence[Mapping[str, Any]] = field(default_factory=list)  # rows of ingest_counts.sql
    order_is_time: bool = False  # whether no times were delivered
    numbers_are: str | None = None  # what numbers in the column of times were taken for
    readings: Sequence[Reading] = ()
    seen_only: Sequence[Mapping[str, Any]] = field(default_factory=list)  # reasons of no interest, and counts

    @property
    def usable(self) -> bool:
        """Whether `polyrec run` could go on from this."""
        return not any(problem.fatal for problem in self.problems)

    @property
    def exit_code(self) -> int:
        """0 when usable, 1 when usable with warnings, 2 when not."""
        return (1 if self.problems else 0) if self.usable else 2

    @property
    def ordered(self) -> list[Problem]:
        """Problems, the most frequent first."""
        return sorted(self.problems, key=lambda one: (-one.count, one.kind, one.reason))

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values; what is not known is null."""
        found = self.figures
        cells = found.users * found.items if found else 0
        return {
            "items": found.items if found else None,
            "users": found.users if found else None,
            "interactions": found.interactions if found else None,
            "seen_only": sum(row["seen_only"] for row in self.sources) if found else None,
            "seen_only_reasons": [dict(row) for row in self.seen_only] if found else None,
            "sparsity": 1 - found.pairs / cells if found and cells else None,
            "time_range": self._time_range(found) if found else None,
            "text_coverage": _text_coverage(found) if found and found.items else None,
            "problems": [
                {
                    "kind": one.kind,
                    "reason": one.reason,
                    "count": one.count,
                    "example": asdict(one.example) if one.example else None,
                }
                for one in self.ordered
            ],
            "readings": [one.as_json() for one in self.readings],
            "usable": self.usable,
            "sources": [dict(row) for row in self.sources],
        }

    def _time_range(self, found: Figures) -> dict[str, Any]:
        return {
            "first": None if self.order_is_time else _moment(found.first),
            "last": None if self.order_is_time else _moment(found.last),
            "numbers_are": self.numbers_are,
            "order_is_time": self.order_is_time,
        }


def _text_coverage(found: Figures) -> dict[str, float]:
    counts = {"title": found.titled, "description": found.described, "categories": found.categorised}
    return {name: count / found.items for name, count in counts.items()}


def quarantine_problems(reasons: pl.DataFrame, most: int) -> list[Problem]:
    """A problem for each kind and reason of rows in quarantine, as queries/quarantine_reasons.sql gives them.

    What is rarer than the `most` frequent ones is one further problem, whose example is the first of it.
    """
    found = [
        Problem(row["kind"], row["reason"], row["rows"], _example(row))
        for row in reasons.iter_rows(named=True)
    ]
    kept, rare = found[:most], found[most:]
    if rare:
        rows = sum(one.count for one in rare)
        kept.append(Problem("rows", f"{len(rare):,} further reasons", rows, rare[0].example))
    return kept


def _example(row: Mapping[str, Any]) -> Example:
    """The row's field and what stands in it, or the row where no one field is wrong."""
    name, value = row["field"] or None, row["content"]
    try:
        content = json.loads(value)
    except ValueError:
        content = None
    # A line that is no row is kept as it stands; of people who were forgotten nothing is kept.
    if isinstance(content, dict) and (name in content or not content):
        value = content.get(name)
    return Example(row["source"], row["line"], name, value and value[:SHOWN])


def _moment(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
