"""A list of recommendations for the terminal."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Group

from flows.cli.tables.table import Column, Table, figure, lines, paragraph, said, text, word


def list_table(answer: Mapping[str, Any]) -> Group:
    """A list with its reasons, and the history it came from; for a visitor also how long it took."""
    known = "user_id" in answer
    whom = f"user {answer['user_id']}" if known else "a visitor"
    columns = [figure(""), Column("item", least=20, most=28), text("why", least=24), figure("score")]
    title = f"Recommended to {whom}"
    listed = Table(title, columns, [_row(row) for row in answer["items"]])
    parts: list[Any] = [listed if answer["items"] else said(title, "bold")]
    if answer["note"]:
        parts.append(paragraph(answer["note"]))
    if kept_out := [f"{n:,} by {rule}" for rule, n in answer.get("excluded", {}).items()]:
        parts.append(paragraph(f"Kept out by rules: {', '.join(kept_out)}"))
    if known:
        past = [(_date(row["time"]), row["title"], f"{row['value']:zg}") for row in answer["history"]]
        parts.append(Table(f"Latest history of {whom}", [word("date"), text("item"), figure("value")], past))
    elif answer["history"]:
        titles = [(row["title"],) for row in answer["history"]]
        parts.append(Table("What the visitor chose, latest first", [text("item")], titles))
    if not known:
        parts.append(paragraph(f"Answered in {answer['milliseconds']:z.0f} ms"))
    return Group(*parts)


def _row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    added = [f"{name} {value:+z.2f}" for name, value in row["contributions"].items() if abs(value) >= 0.005]
    rules = f"rules: {', '.join(row['rules'])}" if row.get("rules") else ""
    why = row["reason"] + (f" ({row['angle']})" if row["text"] else "")
    item = lines(row["title"], row["item_id"], ", ".join(row["categories"]))
    return str(row["rank"]), item, lines(why, ", ".join(added), rules), f"{row['score']:z.2f}"


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
