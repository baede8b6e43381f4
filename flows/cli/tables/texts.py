"""Texts for the terminal: an item's, those under review, and how good all are."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.cli.tables.table import Table, figure, lines, text, word


def texts_table(answer: Mapping[str, Any]) -> Table:
    """An item's texts."""
    columns = [word("angle"), text("text"), *map(figure, ("pass", "log-probability", "tokens"))]
    rows = [
        (
            row["angle"],
            row["text"],
            str(row["pass"]),
            "" if row["log_prob"] is None else f"{row['log_prob']:z.2f}",  # some servers give none
            str(row["n_tokens"]),
        )
        for row in answer["texts"]
    ]
    categories = f" ({', '.join(answer['categories'])})" if answer["categories"] else ""
    return Table(f"Texts of item {answer['item_id']}: {answer['title']}{categories}", columns, rows)


def review_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Texts that are held back, or that an operator decided about."""
    shown = [
        (
            row["text_id"],
            lines(
                f"{row['title'] or row['item_id']}, {row['angle']}: {row['decision'] or 'not decided'}",
                row["text"] or "",
                f"rule: {row['reason'] or ''}",
            ),
        )
        for row in rows
    ]
    return Table("Texts under review", [word("text id"), text("item, angle: decision; text; rule")], shown)


def quality_table(figures: Mapping[str, Any]) -> Table:
    """How good the published texts are; an inner mapping has a row for each of its own."""
    rows = []
    for name, value in figures.items():
        for inner, found in value.items() if isinstance(value, Mapping) else [("", value)]:
            shown = "-" if found is None else f"{found:z.4g}" if isinstance(found, float) else f"{found:,}"
            rows.append((f"{name.replace('_', ' ')}{inner and f': {inner}'}", shown))
    return Table("Published texts", [text("figure", least=30), figure("value")], rows)
