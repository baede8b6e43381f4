"""Answers as tables for the terminal."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Group, RenderableType
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
        table.add_row(row["angle"], row["text"], _number(row["log_prob"]), str(row["n_tokens"]))
    return table


def _number(log_prob: float | None) -> str:
    """A log-probability, which texts of some servers have none of."""
    return "" if log_prob is None else f"{log_prob:.2f}"


def _table(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", expand=True)
