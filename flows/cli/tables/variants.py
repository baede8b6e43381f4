"""Ways of doing the job beside each other, for the terminal: ablations and comparisons of texts."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType

from flows.cli.tables.table import Cell, Table, figure, paragraph, text
from tasks.studies.comparison import PARTS, metric_title, metrics_of, variants_title

FURTHER = {"text_distance": "spread of texts", "fit_seconds": "fit, s", "score_seconds": "score, s"}


def variants_table(answer: Mapping[str, Any]) -> Group:
    """Every variant with its figures, and how far each is above the baseline's."""
    shown: list[RenderableType] = []
    for part in PARTS:
        if any(part in row for row in answer["variants"]):
            shown.append(_part(answer, part))
            if found := answer.get("pair", {}).get(part):
                shown.append(_pair(answer["pair"]["name"], found))
    missing = [f"{row['name']}: {row['missing']}" for row in answer["variants"] if "missing" in row]
    return Group(*shown, *map(paragraph, (*missing, *answer["notes"])))


def _part(answer: Mapping[str, Any], part: str) -> Table:
    rows = [row for row in answer["variants"] if part in row]
    names = metrics_of(rows, part)
    further = [key for key in FURTHER if any(key in row for row in rows)]
    columns = [text("fusion with", least=24)]
    for name in names:
        columns += [figure(metric_title(name)), figure(f"{metric_title(name)}, difference")]
    columns += [figure(FURTHER[key]) for key in further]

    def cells(row: Mapping[str, Any]) -> list[Cell]:
        found: list[Cell] = [row["name"]]
        for name in names:
            difference = row[part]["differences"][name]
            found += [_number(row[part][name]), "" if row.get("is_baseline") else _signed(difference)]
        return found + [_number(row.get(key), 1 if key.endswith("_seconds") else 4) for key in further]

    return Table(variants_title(answer, part), columns, [cells(row) for row in rows])


def _pair(name: str, found: Mapping[str, Mapping[str, float]]) -> Table:
    """How far the second of two is above the first."""
    named = {key: FURTHER[key] if key in FURTHER else metric_title(key) for key in found}
    rows = [(named[key], _signed(difference)) for key, difference in found.items()]
    return Table(name, [text("figure"), figure("difference")], rows)


def _signed(found: Mapping[str, float]) -> tuple[str, str]:
    return f"{found['difference']:+z.4f}", f"[{found['low']:+z.4f}, {found['high']:+z.4f}]"


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:z.{digits}f}"
