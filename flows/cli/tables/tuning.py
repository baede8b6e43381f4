"""A search of settings for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from flows.cli.tables.table import Table, figure, said, word, written_out

METRICS = {"ndcg": "NDCG", "effective_catalogue": "effective catalogue", "ild": "diversity"}


def tuning_table(answer: Mapping[str, Any]) -> Group:
    """Every matcher's best trials, what they are worth out of fold, and the lines for polyrec.toml."""
    return Group(*(part for search in answer["searches"] for part in _search(answer, search)))


def _search(answer: Mapping[str, Any], search: Mapping[str, Any]) -> list[RenderableType]:
    k = answer["k"]
    title = (
        f"{search['matcher']}: the best of {search['trials']} trials on validation, {answer['users']:,} users"
    )
    metrics = {f"{name}_at_{k}": f"{title}@{k}" for name, title in METRICS.items()}
    metrics = {name: title for name, title in metrics.items() if name in search["best"]["figures"]}
    headings = (*search["best"]["parameters"], *metrics.values(), "fit s", "score s")
    rows = list(search["top"])
    if search["as_set"]["number"] not in [row["number"] for row in rows]:
        rows.append(search["as_set"])
    shown = [
        (
            "as set" if row["as_set"] else str(row["number"]),
            *(f"{one:z.4g}" if isinstance(one, float) else str(one) for one in row["parameters"].values()),
            *(f"{row['figures'][name]:z.4f}" for name in metrics),
            f"{row['fit_seconds']:z.2f}",
            f"{row['score_seconds']:z.2f}",
        )
        for row in rows
    ]
    toml = Text(written_out(search["toml"], "\n"), no_wrap=True, overflow="ignore")  # to be copied
    table = Table(title, [word("trial"), *map(figure, headings)], shown)
    return [
        table,
        *map(said, _lines(search, f"ndcg_at_{k}")),
        said(""),
        said("For polyrec.toml:"),
        toml,
        said(""),
    ]


def _lines(search: Mapping[str, Any], ndcg: str) -> list[str]:
    """What the search says beside its table."""
    fold, gain = search["out_of_fold"], search["gain"]
    a, b = fold["chosen_on_a"], fold["chosen_on_b"]
    inside = gain["low"] <= 0 <= gain["high"]
    lines = [
        f"Best on all, in fold: {search['best']['figures'][ndcg]:z.4f}; out of fold: {fold['value']:z.4f}",
        f"  best on fold A (trial {a['number']}), on fold B: {a['value_on_b']:z.4f}",
        f"  best on fold B (trial {b['number']}), on fold A: {b['value_on_a']:z.4f}",
        f"Out of fold minus as set, same users: {gain['difference']:+z.4f} "
        f"({gain['low']:+z.4f} to {gain['high']:+z.4f})" + (": no gain is shown" if inside else ""),
    ]
    if search["importance"]:
        shares = ", ".join(f"{name} {share:z.0%}" for name, share in search["importance"].items())
        lines.append(f"What decides: {shares}")
    before = f", {search['trials_before']} of them from before" if search["trials_before"] else ""
    failed = f", {search['failed']} could not be fitted" if search["failed"] else ""
    return [*lines, f"{search['trials']} trials{before}{failed}; {search['seconds']:z.0f} s"]
