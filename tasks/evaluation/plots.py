"""The comparison of all models as a figure."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tasks.evaluation.report import DIVERSE, FUSION, HEADLINES, PARTS, every_model

COLOURS = {FUSION: "#c2410c", DIVERSE: "#c2410c", "single": "#64748b"}


def comparison_figure(report: Mapping[str, Any], part: str = "test") -> go.Figure:
    """One panel a headline metric, one point a model, with its 95% interval where there is one.

    Args:
        report: the dictionary that report.py renders.
        part: "val" or "test".
    """
    rows = {model: parts[part] for model, parts in every_model(report).items() if part in parts}
    if not rows:
        raise ValueError(f"the report has no figures for part {part!r}; evaluate first: polyrec run")
    first = next(iter(rows.values()))
    names = [name for measure in HEADLINES for name in first if name.split("_at_")[0] == measure]
    titles = [HEADLINES[name.split("_at_")[0]] for name in names]
    figure = make_subplots(rows=1, cols=len(names), shared_yaxes=True, subplot_titles=titles)
    models = list(rows)
    for column, name in enumerate(names, start=1):
        values = [rows[model].get(name) for model in models]
        bounds = [rows[model].get("intervals", {}).get(name) for model in models]
        pairs = list(zip(values, bounds, strict=True))
        error = {
            "type": "data",
            "symmetric": False,
            "array": [b[1] - v if b and v is not None else 0 for v, b in pairs],
            "arrayminus": [v - b[0] if b and v is not None else 0 for v, b in pairs],
            "color": "#94a3b8",
        }
        colours = [COLOURS.get(model, COLOURS["single"]) for model in models]
        points = go.Scatter(
            x=values,
            y=models,
            error_x=error,
            mode="markers",
            marker={"size": 10, "color": colours},
            name=name,
        )
        figure.add_trace(points, row=1, col=column)
    return laid_out(
        figure, f"{PARTS[part]}: every model and the fusion, with 95% intervals", len(models), 120
    )


def laid_out(figure: go.Figure, title: str, rows: int, left: int) -> go.Figure:
    """A figure of panels side by side, the first row on top.

    Args:
        figure: whose rows are named along the first panel.
        title: above it.
        rows: how many there are.
        left: room for their names, in pixels.
    """
    figure.update_yaxes(autorange="reversed", col=1)
    figure.update_layout(
        title=title, showlegend=False, template="plotly_white", height=180 + 45 * rows, margin={"l": left}
    )
    return figure
