"""An explanation for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


def explanation(answer: Mapping[str, Any]) -> RenderableType:
    """The sentence, then the figures behind it."""
    head = f"{answer['title']} ({', '.join(answer['categories'])}) for user {answer['user_id']}"
    parts: list[RenderableType] = [Text(head, style="bold"), Text(answer["reason"]), _place(answer)]
    if answer["not_listed"]:
        parts.append(Text(answer["not_listed"]))
    if answer["rules"]:
        parts.append(Text(f"Rules: {', '.join(answer['rules'])}"))
    parts.append(_models(answer))
    if answer["counterfactual"]:
        parts += [Text(line) for line in _counterfactual(answer["counterfactual"])]
    return Group(*parts)


def _place(answer: Mapping[str, Any]) -> Text:
    listed = f"Rank {answer['rank']} of the list; " if answer["rank"] else "Not in the list; "
    by_score = f"place {answer['place_by_score']} of {answer['candidates']} candidates by score"
    known = by_score if answer["place_by_score"] else "put there by a rule"
    return Text(f"{listed}{known}, {answer['score']:.3f}.")


def _models(answer: Mapping[str, Any]) -> Table:
    """What each model adds to the score, and, where that was asked, to being listed."""
    membership = answer["membership"]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("from")
    for name in ("adds", "share", "score, normalised", "own rank"):
        table.add_column(name, justify="right")
    if membership:
        table.add_column(f"adds to being in first {membership['k']}", justify="right")
    for row in answer["models"]:
        cells = [row["label"], f"{row['contribution']:+.3f}", f"{row['share']:+.0%}"]
        cells.append("" if row["normalised"] is None else f"{row['normalised']:+.2f}")
        cells.append("" if row["own_rank"] is None else str(row["own_rank"]))
        if membership:
            cells.append(f"{membership['models'][row['model']]:+.3f}")
        table.add_row(*cells)
    if abs(answer["base"]) > 1e-6:
        table.add_row("what every item starts from", f"{answer['base']:+.3f}")
    return table


def _counterfactual(found: Mapping[str, Any]) -> list[str]:
    """What the item, and the list, depend on in the history."""
    if "unavailable" in found:
        return [f"No counterfactual: {found['unavailable']}."]
    lines = [found["says"]]
    if found["list"]:
        title, replaced = found["list"]["title"], found["list"]["replaced"]
        lines.append(
            f'The list depends most on "{title}": without it, {replaced} of its items would be others.'
        )
    lines.append(
        f"Left out in turn: the latest {found['tried']} of {found['history']} items of the history. "
        "Models were not fitted again."
    )
    return lines
