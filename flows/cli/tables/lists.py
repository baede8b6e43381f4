"""Answers as tables for the terminal."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from tasks.ingest.findings import Example, Findings, Problem


def list_table(answer: Mapping[str, Any]) -> RenderableType:
    """A list with its reasons, and the history it came from."""
    whom = f"user {answer['user_id']}" if "user_id" in answer else "a visitor"
    table = _table(f"Recommended to {whom}")
    for name, options in (
        ("", {"justify": "right"}),
        ("item", {"max_width": 28}),
        ("why", {"ratio": 1, "min_width": 24}),
        ("score", {"justify": "right"}),
    ):
        table.add_column(name, **options)  # type: ignore[arg-type]
    for row in answer["items"]:
        why = escape(row["reason"]) + (f" [dim]({row['angle']})[/dim]" if row["text"] else "")
        given = row["contributions"].items()
        parts = [f"{name} {value:+.2f}" for name, value in given if abs(value) >= 0.005]
        why += f"\n[dim]{escape(', '.join(parts))}[/dim]" if parts else ""
        if row.get("rules"):
            why += f"\n[dim]rules: {escape(', '.join(row['rules']))}[/dim]"
        title = f"{row['title']}\n[dim]{', '.join(row['categories'])}[/dim]"
        table.add_row(str(row["rank"]), title, why, f"{row['score']:.2f}")
    if "user_id" not in answer:
        return Group(table, *_visitor(answer))
    past = _table(f"Latest history of {whom}")
    for name in ("date", "item", "value"):
        past.add_column(name)
    for row in answer["history"]:
        date = datetime.fromtimestamp(row["time"], UTC).date().isoformat()
        past.add_row(date, row["title"], f"{row['value']:g}")
    return Group(table, past)


def _visitor(answer: Mapping[str, Any]) -> list[RenderableType]:
    """What is known of a visitor, and how long the answer took."""
    parts: list[RenderableType] = [Text(f"Answered in {answer['milliseconds']:.0f} ms")]
    if answer["history"]:
        chosen = _table("What the visitor chose, latest first")
        chosen.add_column("item")
        for row in answer["history"]:
            chosen.add_row(escape(row["title"]))
        parts.insert(0, chosen)
    return parts


def texts_table(answer: Mapping[str, Any]) -> RenderableType:
    """An item's texts."""
    table = _table(f"{answer['title']}: {', '.join(answer['categories'])}")
    table.add_column("angle")
    table.add_column("text", ratio=1)
    for name in ("pass", "log-probability", "tokens"):
        table.add_column(name, justify="right")
    for row in answer["texts"]:
        table.add_row(
            row["angle"], row["text"], str(row["pass"]), _number(row["log_prob"]), str(row["n_tokens"])
        )
    return table


def _number(log_prob: float | None) -> str:
    """A log-probability, which texts of some servers have none of."""
    return "" if log_prob is None else f"{log_prob:.2f}"


def check_table(found: "Findings") -> RenderableType:
    """What a check found."""
    parts: list[RenderableType] = []
    if found.figures:
        rows = _table("Rows")
        names = ("rows_in", "used", "quarantined", "merged")
        rows.add_column("kind")
        rows.add_column("source")
        for name in names:
            rows.add_column(name.replace("_", " "), justify="right")
        for row in found.sources:
            rows.add_row(row["kind"], _safe(row["source"]), *(f"{row[name]:,}" for name in names))
        parts += [rows, _figures(found.as_json()), Text()]
        if found.problems:
            parts.append(_problems(found.ordered))
    parts += [_safe(f"Not usable: {one.reason}") for one in found.ordered if one.fatal]
    if found.usable:
        parts.append(Text("Usable, but for the problems above." if found.problems else "Usable."))
    return Group(*parts)


def _problems(problems: Sequence["Problem"]) -> RenderableType:
    """What is wrong, the most frequent first."""
    table = _table("Problems")
    table.add_column("rows", justify="right")
    table.add_column("kind")
    table.add_column("what and why", ratio=3)
    table.add_column("for example", ratio=2)
    for one in problems:
        example = _example(one.example) if one.example else ""
        table.add_row(f"{one.count:,}", one.kind, _safe(one.reason), _safe(example))
    return table


def _figures(answer: Mapping[str, Any]) -> RenderableType:
    """What can be used, in a few lines."""
    counts = ", ".join(f"{answer[name]:,} {name}" for name in ("users", "items", "interactions"))
    lines = [f"Used: {counts}"]
    if answer["sparsity"] is not None:
        lines[0] += f"; of all pairs of user and item, {answer['sparsity']:.2%} have no interaction"
    time, text = answer["time_range"], answer["text_coverage"]
    if time["order_is_time"]:
        lines.append("Time: none is delivered; the order of the rows is the time")
    elif time["first"]:
        read = f", numbers read as {time['numbers_are']}" if time["numbers_are"] else ""
        lines.append(f"Time: {time['first']} to {time['last']}{read}")
    if text:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in text.items())
        lines.append(f"Items with a text: {shares}")
    return Text("\n".join(lines))


def _example(example: "Example") -> str:
    """Where it stands, and what."""
    place = f"{example.source}, line {example.line:,}" if example.source else ""
    what = "" if example.value is None else repr(example.value)
    if example.field:
        what = f"{example.field}{' = ' if what else ''}{what}"
    return ": ".join(part for part in (place, what) if part)


def _safe(text: str) -> Text:
    """Text from data for a terminal: what cannot be seen, or would steer it, is written out."""
    return Text("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))


def rules_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Business rules with their state."""
    table = _table("Rules")
    for name in ("name", "kind", "state", "from"):
        table.add_column(name)
    for name in ("items", "users"):
        table.add_column(name, justify="right")
    table.add_column("what", ratio=1)
    for row in rows:
        counts = ("" if row[name] is None else f"{row[name]:,}" for name in ("targets", "for_users"))
        what = ", ".join(f"{key} {_said(value)}" for key, value in row["rule"].items())
        table.add_row(row["name"], row["kind"], row["state"], row["from"], *counts, _safe(what))
    return table


def _said(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


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
