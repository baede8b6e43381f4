"""Business rules for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.cli.tables.table import Table, figure, text, word


def rules_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Every rule with its state."""
    columns = [*map(word, ("name", "kind", "state", "from"))]
    columns += [figure("items"), figure("users"), text("what", least=14)]
    return Table("Rules", columns, [_row(row) for row in rows])


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    counts = ("" if row[name] is None else f"{row[name]:,}" for name in ("targets", "for_users"))
    what = ", ".join(
        f"{key} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in row["rule"].items()
    )
    return row["name"], row["kind"], row["state"], row["from"], *counts, what
