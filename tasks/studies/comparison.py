"""What one way of doing the job is worth beside another: figures, differences and a plot."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from tasks.evaluation.plots import Point, interval_panels
from tasks.metrics.bootstrap import Difference, paired_difference, paired_exposure_difference
from tasks.metrics.evaluator import Evaluation
from tasks.metrics.exposure import effective_catalogue

TITLES = {
    "ndcg": "NDCG",
    "effective_catalogue": "effective catalogue",
    "ild": "diversity in a list",
    "ild_embedding": "diversity in a list (vectors)",
}
COLOURS = {"texts": "#c2410c", "control": "#64748b", "without": "#c2410c", "with": "#0f766e"}
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


def variants_figure(answer: Mapping[str, Any], part: str) -> go.Figure:
    """One panel a metric: how far every variant is above the baseline, with its 95% interval.

    Args:
        answer: title, baseline, notes, and variants: name, kind, seconds or spread where they have them, and
            figures with differences in "val" and, after a look at test, "test"; or why it is missing.
        part: "val" or "test".
    """
    rows = [row for row in answer["variants"] if part in row]
    panels: dict[str, list[Point]] = {}
    for name in metrics_of(rows, part):
        found = (row[part]["differences"][name] for row in rows)
        panels[metric_title(name)] = [(one["difference"], one["low"], one["high"]) for one in found]
    colours = [COLOURS[row["kind"]] for row in rows]
    figure = interval_panels(
        variants_title(answer, part), [row["name"] for row in rows], panels, colours, 260
    )
    hover = "%{y}: %{text}, difference %{x:.4f}<extra></extra>"
    for column, name in enumerate(metrics_of(rows, part), start=1):
        shown = [f"{row[part][name]:.4f}" for row in rows]
        figure.update_traces(text=shown, hovertemplate=hover, col=column)
    return figure.add_vline(x=0, line={"color": "#0f172a", "width": 1, "dash": "dot"}, col="all")


def variants_title(answer: Mapping[str, Any], part: str) -> str:
    """What is compared with what."""
    return f"{answer['title']}: {PARTS[part]}; difference from {answer['baseline']} with its 95% interval"


def metrics_of(rows: Sequence[Mapping[str, Any]], part: str) -> list[str]:
    """The headline metrics that the rows have, in their order."""
    return list(next((row[part]["differences"] for row in rows if part in row), {}))


def metric_title(metric: str) -> str:
    """How people read its name.

    >>> metric_title("ild_at_10")
    'diversity in a list@10'
    """
    name, _, k = metric.partition("_at_")
    return f"{TITLES[name]}@{k}"
