"""Figures with intervals as plots: one panel a metric, one point a row."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tasks.evaluation.report import DIVERSE, FUSION, HEADLINES, PARTS, every_model

COLOURS = {FUSION: "#c2410c", DIVERSE: "#c2410c"}
GREY = "#64748b"
Point = tuple[float | None, float | None, float | None]
"""A figure, and the ends of its interval; None for what is not there."""


def comparison_figure(report: Mapping[str, Any], part: str = "test") -> go.Figure:
    """One panel a headline metric, one point a model, with its 95% interval where there is one.

    Args:
        report: what `polyrec report --json` prints.
        part: "val" or "test".
    """
    rows = {model: parts[part] for model, parts in every_model(report).items() if part in parts}
    if not rows:
        raise ValueError(f"the report has no figures for part {part!r}; evaluate first: polyrec run")
    panels: dict[str, list[Point]] = {}
    for metric, heading in HEADLINES.items():
        for name in (name for name in next(iter(rows.values())) if name.split("_at_")[0] == metric):
            panels[heading] = [
                (row.get(name), *row.get("intervals", {}).get(name, (None, None))) for row in rows.values()
            ]
    title = f"{PARTS[part]}: every model and the fusion, with 95% intervals"
    return interval_panels(title, list(rows), panels, [COLOURS.get(model, GREY) for model in rows], 120)


def interval_panels(
    title: str, rows: Sequence[str], panels: Mapping[str, Sequence[Point]], colours: Sequence[str], left: int
) -> go.Figure:
    """Panels side by side, the first row on top.

    Args:
        title: above them.
        rows: their names.
        panels: heading to a point a row.
        colours: one a row.
        left: room for the names of the rows, in pixels.
    """
    figure = make_subplots(rows=1, cols=len(panels), shared_yaxes=True, subplot_titles=list(panels))
    for column, (heading, points) in enumerate(panels.items(), start=1):
        above = [0 if value is None or high is None else high - value for value, _, high in points]
        below = [0 if value is None or low is None else value - low for value, low, _ in points]
        error = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": "#94a3b8"}
        trace = go.Scatter(
            x=[value for value, _, _ in points],
            y=list(rows),
            error_x=error,
            mode="markers",
            marker={"size": 10, "color": list(colours)},
            name=heading,
        )
        figure.add_trace(trace, row=1, col=column)
    figure.update_yaxes(autorange="reversed", col=1)
    height = 180 + 45 * len(rows)
    return figure.update_layout(
        title=title, showlegend=False, template="plotly_white", height=height, margin={"l": left}
    )
