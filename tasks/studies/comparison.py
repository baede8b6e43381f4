"""What one way of doing the job is worth beside another: figures, differences, a table and a plot."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tasks.evaluation.plots import laid_out
from tasks.metrics.evaluator import Evaluation
from tasks.metrics.ranking import effective_catalogue
from tasks.metrics.significance import Difference, paired_difference, paired_exposure_difference

TITLES = {
    "ndcg": "NDCG",
    "effective_catalogue": "effective catalogue",
    "ild": "diversity in a list",
    "ild_embedding": "diversity in a list (vectors)",
}
COLOURS = {"texts": "#c2410c", "control": "#64748b", "without": "#c2410c", "with": "#0f766e"}
COLUMNS = {"text_distance": "spread of texts", "fit_seconds": "fit, s", "score_seconds": "score, s"}
PARTS = {"val": "validation, out of fold", "test": "test"}


def headline_metrics(evaluation: Evaluation, k: int) -> list[str]:
    """NDCG, effective catalogue, and diversity by category where there are categories, else by vector."""
    ild = f"ild_at_{k}" if f"ild_at_{k}" in evaluation.metrics else f"ild_embedding_at_{k}"
    return [
        name for name in (f"ndcg_at_{k}", f"effective_catalogue_at_{k}", ild) if name in evaluation.metrics
    ]


def differences(
    a: Evaluation, b: Evaluation, k: int, resamples: int, seed: int
) -> dict[str, dict[str, float]]:
    """Headline metric to how much a is above b on the same users, with its 95% interval."""
    out: dict[str, dict[str, float]] = {}
    for name in headline_metrics(a, k):
        if name in a.per_user:
            found = paired_difference(a.per_user[name], b.per_user[name], resamples, seed)
        else:
            found = paired_exposure_difference(a.exposure, b.exposure, effective_catalogue, resamples, seed)
        out[name] = as_values(found)
    return out


def as_values(difference: Difference) -> dict[str, float]:
    """A difference as JSON can hold it."""
    return dict(zip(("difference", "low", "high"), map(float, difference), strict=True))


def variants_table(answer: Mapping[str, Any]) -> RenderableType:
    """Every variant with its figures and, in brackets, how far it is above the baseline.

    Args:
        answer: title, baseline, notes, and variants: name, kind, those of COLUMNS that they have, and figures
            with differences in "val" and, after a look at test, "test"; or why it is missing.
    """
    parts: list[RenderableType] = []
    for part in [one for one in PARTS if any(one in row for row in answer["variants"])]:
        title = (
            f"{answer['title']}: {PARTS[part]}; difference from {answer['baseline']} with its 95% interval"
        )
        table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
        table.add_column("fusion with", overflow="fold")
        names = _metrics(answer["variants"], part)
        for name in names:
            table.add_column(_title(name), justify="right", overflow="fold")
            table.add_column("difference", justify="right", overflow="fold")
        further = [key for key in COLUMNS if any(key in row for row in answer["variants"])]
        for key in further:
            table.add_column(COLUMNS[key], justify="right", overflow="fold")
        for row in answer["variants"]:
            if "missing" in row:
                table.add_row(row["name"], row["missing"])
                continue
            cells = [cell for name in names for cell in _cells(row, part, name)]
            table.add_row(row["name"], *cells, *(_further(key, row.get(key)) for key in further))
        parts.append(table)
        if answer.get("pair", {}).get(part):
            parts.append(_pair(answer["pair"], part))
    parts += [Text(note) for note in answer["notes"]]
    return Group(*parts)


def variants_figure(answer: Mapping[str, Any], part: str) -> go.Figure:
    """One panel a metric: how far every variant is above the baseline, with its 95% interval.

    Args:
        answer: as for `variants_table`.
        part: "val" or "test".
    """
    rows = [row for row in answer["variants"] if part in row]
    names = _metrics(rows, part)
    figure = make_subplots(
        rows=1, cols=len(names), shared_yaxes=True, subplot_titles=[_title(name) for name in names]
    )
    for column, name in enumerate(names, start=1):
        found = [row[part]["differences"][name] for row in rows]
        figure.add_trace(
            go.Scatter(
                x=[one["difference"] for one in found],
                y=[row["name"] for row in rows],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [one["high"] - one["difference"] for one in found],
                    "arrayminus": [one["difference"] - one["low"] for one in found],
                    "color": "#94a3b8",
                },
                text=[f"{row[part][name]:.4f}" for row in rows],
                hovertemplate="%{y}: %{text}, difference %{x:.4f}<extra></extra>",
                mode="markers",
                marker={"size": 10, "color": [COLOURS[row["kind"]] for row in rows]},
                name=name,
            ),
            row=1,
            col=column,
        )
        figure.add_vline(x=0, line={"color": "#0f172a", "width": 1, "dash": "dot"}, row=1, col=column)  # type: ignore[arg-type]
    title = f"{answer['title']}: {PARTS[part]}; difference from {answer['baseline']} with its 95% interval"
    return laid_out(figure, title, len(rows), 260)


def _metrics(rows: Sequence[Mapping[str, Any]], part: str) -> list[str]:
    """The headline metrics that the rows have, in their order."""
    return list(next((row[part]["differences"] for row in rows if part in row), {}))


def _title(metric: str) -> str:
    measure, _, k = metric.partition("_at_")
    return f"{TITLES[measure]}@{k}"


def _cells(row: Mapping[str, Any], part: str, name: str) -> tuple[str, str]:
    """A figure, and how far it is above the baseline's."""
    found = row[part]["differences"][name]
    return _number(row[part][name]), "" if row.get("is_baseline") else _signed(found)


def _pair(pair: Mapping[str, Any], part: str) -> RenderableType:
    """How far the second of two is above the first."""
    lines = [f"{pair['name']}:"]
    lines += [
        f"  {'spread of texts' if name == 'text_distance' else _title(name)} {_signed(found)}"
        for name, found in pair[part].items()
    ]
    return Text("\n".join(lines) + "\n")


def _signed(found: Mapping[str, float]) -> str:
    return f"{found['difference']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]"


def _further(key: str, value: float | None) -> str:
    return f"{value:.1f}" if value is not None and key.endswith("_seconds") else _number(value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
