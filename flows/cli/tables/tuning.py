"""A search of settings as a table."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

METRICS = {"ndcg": "NDCG", "effective_catalogue": "effective catalogue", "ild": "diversity"}


def tuning_renderable(answer: Mapping[str, Any]) -> RenderableType:
    """Every matcher's best trials, what they are worth out of fold, and the lines for polyrec.toml."""
    return Group(*(part for search in answer["searches"] for part in _search(answer, search)))


def _search(answer: Mapping[str, Any], search: Mapping[str, Any]) -> list[RenderableType]:
    k = answer["k"]
    title = (
        f"{search['matcher']}: the best of {search['trials']} trials on validation, {answer['users']:,} users"
    )
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.add_column("trial", justify="right")
    for name in search["best"]["parameters"]:
        table.add_column(name, justify="right")
    measures = [name for name in METRICS if f"{name}_at_{k}" in search["best"]["figures"]]
    for name in measures:
        table.add_column(f"{METRICS[name]}@{k}", justify="right")
    table.add_column("fit s", justify="right")
    table.add_column("score s", justify="right")
    rows = list(search["top"])
    if search["as_set"]["number"] not in [row["number"] for row in rows]:
        rows.append(search["as_set"])
    for row in rows:
        table.add_row(
            "as set" if row["as_set"] else str(row["number"]),
            *(_value(value) for value in row["parameters"].values()),
            *(f"{row['figures'][f'{name}_at_{k}']:.4f}" for name in measures),
            f"{row['fit_seconds']:.2f}",
            f"{row['score_seconds']:.2f}",
        )
    return [table, Text("\n".join(_lines(search, k)) + "\n")]


def _lines(search: Mapping[str, Any], k: int) -> list[str]:
    """What the search says beside its table."""
    fold, gain = search["out_of_fold"], search["gain"]
    a, b = fold["chosen_on_a"], fold["chosen_on_b"]
    ndcg = f"ndcg_at_{k}"
    inside = gain["low"] <= 0 <= gain["high"]
    lines = [
        f"Best on all, in fold: {search['best']['figures'][ndcg]:.4f}; out of fold: {fold['value']:.4f}",
        f"  best on half A (trial {a['number']}), judged on half B: {a['value_on_b']:.4f}",
        f"  best on half B (trial {b['number']}), judged on half A: {b['value_on_a']:.4f}",
        f"Out of fold minus as set, same users: {gain['difference']:+.4f} "
        f"({gain['low']:+.4f} to {gain['high']:+.4f})" + (": no gain is shown" if inside else ""),
    ]
    if search["importance"]:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in search["importance"].items())
        lines.append(f"What decides: {shares}")
    before = f", {search['trials_before']} of them from before" if search["trials_before"] else ""
    failed = f", {search['failed']} could not be fitted" if search["failed"] else ""
    lines.append(f"{search['trials']} trials{before}{failed}; {search['seconds']:.0f} s")
    return [*lines, "", "For polyrec.toml:", search["toml"]]


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
