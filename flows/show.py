"""Answers as tables for the terminal."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table


def list_table(answer: Mapping[str, Any]) -> RenderableType:
    """A list with its reasons, and the history it came from."""
    table = _table(f"Recommended to user {answer['user_id']}")
    for name, options in (
        ("", {"justify": "right"}),
        ("item", {"max_width": 28}),
        ("why", {"ratio": 1, "min_width": 24}),
        ("score", {"justify": "right"}),
        ("from", {}),
    ):
        table.add_column(name, **options)  # type: ignore[arg-type]
    for row in answer["items"]:
        why = f"{row['text']} [dim]({row['angle']})[/dim]" if row["text"] else ""
        parts = "\n".join(f"{name} {value:+.2f}" for name, value in row["contributions"].items())
        title = f"{row['title']}\n[dim]{', '.join(row['categories'])}[/dim]"
        table.add_row(str(row["rank"]), title, why, f"{row['score']:.2f}", parts)
    past = _table(f"Latest history of user {answer['user_id']}")
    for name in ("date", "item", "value"):
        past.add_column(name)
    for row in answer["history"]:
        date = datetime.fromtimestamp(row["time"], UTC).date().isoformat()
        past.add_row(date, row["title"], f"{row['value']:g}")
    return Group(table, past)


def texts_table(answer: Mapping[str, Any]) -> RenderableType:
    """An item's texts."""
    table = _table(f"{answer['title']}: {', '.join(answer['categories'])}")
    table.add_column("angle")
    table.add_column("text", ratio=1)
    table.add_column("log-probability", justify="right")
    table.add_column("tokens", justify="right")
    for row in answer["texts"]:
        table.add_row(row["angle"], row["text"], f"{row['log_prob']:.2f}", str(row["n_tokens"]))
    return table


def figures_table(title: str, figures: Mapping[str, Any]) -> RenderableType:
    """Figures by name; an inner mapping has a row for each of its own."""
    table = _table(title)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        rows = value.items() if isinstance(value, Mapping) else [("", value)]
        for inner, figure in rows:
            shown = "-" if figure is None else f"{figure:.4g}" if isinstance(figure, float) else f"{figure:,}"
            table.add_row(f"{name.replace('_', ' ')}{inner and f': {inner}'}", shown)
    return table


def review_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Texts that are held back, or that an operator decided about."""
    table = _table("Texts under review")
    for name in ("text id", "item", "angle"):
        table.add_column(name)
    table.add_column("text", ratio=1)
    table.add_column("rule", ratio=1)
    table.add_column("decision")
    for row in rows:
        cells = (row["text_id"], row["title"] or row["item_id"], row["angle"], row["text"], row["reason"])
        table.add_row(*(escape(str(cell or "")) for cell in cells), row["decision"] or "-")
    return table


def _table(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", expand=True)
