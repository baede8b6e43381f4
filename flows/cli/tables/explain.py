"""An explanation for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group

from flows.cli.tables.table import Cell, Table, figure, said, text


def explanation(answer: Mapping[str, Any]) -> Group:
    """The sentence, then the figures behind it."""
    categories = f" ({', '.join(answer['categories'])})" if answer["categories"] else ""
    head = f"{answer['title']}{categories}, item {answer['item_id']}, for user {answer['user_id']}"
    if answer["score"] is None:
        return Group(said(head, "bold"), said("Not in the list."), said(answer["not_listed"]))
    told = [answer["reason"], _place(answer), answer["not_listed"], answer["note"]]
    told.append(f"Rules: {', '.join(answer['rules'])}" if answer["rules"] else None)
    counterfactual = _counterfactual(answer["counterfactual"]) if answer["counterfactual"] else []
    return Group(
        said(head, "bold"),
        *(said(line) for line in told if line),
        said(""),
        _models(answer),
        *map(said, counterfactual),
    )


def _place(answer: Mapping[str, Any]) -> str:
    listed = f"Rank {answer['rank']} of the list; " if answer["rank"] else "Not in the list; "
    by_score = f"place {answer['place_by_score']} of {answer['candidates']} candidates by score"
    known = by_score if answer["place_by_score"] else "put there by a rule"
    return f"{listed}{known}, {answer['score']:z.3f}."


def _models(answer: Mapping[str, Any]) -> Table:
    """What each model adds to the score, and, where that was asked, to being listed."""
    membership = answer["membership"]
    columns = [text("from", least=24), *map(figure, ("adds", "share", "score, normalised", "own rank"))]
    if membership:
        columns.append(figure(f"adds to being in first {membership['k']}"))
    rows: list[list[Cell]] = []
    for row in answer["models"]:
        cells: list[Cell] = [row["label"], f"{row['contribution']:+z.3f}", f"{row['share']:+z.0%}"]
        cells.append("" if row["normalised"] is None else f"{row['normalised']:+z.2f}")
        cells.append("" if row["own_rank"] is None else str(row["own_rank"]))
        if membership:
            cells.append(f"{membership['models'][row['model']]:+z.3f}")
        rows.append(cells)
    if abs(answer["base"]) > 1e-6:
        start: list[Cell] = ["what every item starts from", f"{answer['base']:+z.3f}"]
        rows.append(start + [""] * (len(columns) - 2))
    return Table("", columns, rows)


def _counterfactual(found: Mapping[str, Any]) -> list[str]:
    """What the item, and the list, depend on in the history."""
    if "unavailable" in found:
        return [f"No counterfactual: {found['unavailable']}."]
    told = [found["says"]]
    if found["list"]:
        title, replaced = found["list"]["title"], found["list"]["replaced"]
        told.append(
            f'The list depends most on "{title}": without it, {replaced} of its items would be others.'
        )
    told.append(
        f"Left out in turn: the latest {found['tried']} of {found['history']} items of the history. "
        "Models were not fitted again."
    )
    return told
