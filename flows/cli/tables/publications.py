"""Publications as a table for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

ID_WIDTH = 24  # whole at any width of the terminal: people copy it, and it begins with the time


def publications_table(answer: Mapping[str, Any]) -> RenderableType:
    """A row a publication; `*` marks the one that is served."""
    table = Table(title="Publications", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for name in ("", "id", "age", "lists", "model", "fusion", "state"):
        justify = "right" if name in ("age", "lists", "model") else "left"
        table.add_column(
            name, justify=justify, no_wrap=name == "id", min_width=ID_WIDTH if name == "id" else None
        )
    for row in answer["publications"]:
        table.add_row(
            "*" if row["current"] else "",
            row["publication_id"],
            age(row["age_hours"]),
            "-" if row["users"] is None else f"{row['users']:,}",
            row["model_version"] or "-",
            f"from {row['origin_id']}" if row["origin_id"] else row["outcome"] or "-",
            row["state"],
            style="bold" if row["current"] else None,
        )
    note = "* is served; `polyrec rollback ID` serves another one whose state is published."
    return Group(table, Text(note, style="dim"))


def age(hours: float) -> str:
    """Hours in the unit that people would say them in.

    >>> age(0.5), age(30), age(100)
    ('30 min', '30 h', '4 days')
    """
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"
