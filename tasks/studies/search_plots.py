"""A search as a figure: its history, and a slice for every setting."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tasks.settings.space import Choice, Space
from tasks.studies.parameter_search import Trial

TRIED, SET, BEST = "#64748b", "#0f172a", "#c2410c"


def search_figure(name: str, trials: Sequence[Trial], spaces: Mapping[str, Space], k: int) -> go.Figure:
    """One panel with the trials in order and the best so far, then one a setting with all values tried.

    There must be one trial at least; `k` is the length of the lists.
    """
    titles = ["in order", *spaces]
    figure = make_subplots(rows=1, cols=len(titles), shared_yaxes=True, subplot_titles=titles)
    values = [trial.figures.mean_ndcg for trial in trials]
    numbers = [trial.number for trial in trials]
    colours = [SET if trial.as_set else TRIED for trial in trials]
    so_far = np.maximum.accumulate(values).tolist()
    figure.add_trace(_points(numbers, values, colours), row=1, col=1)
    line = go.Scatter(
        x=numbers, y=so_far, mode="lines", line={"color": BEST, "shape": "hv"}, name="best so far"
    )
    figure.add_trace(line, row=1, col=1)
    for column, (setting, space) in enumerate(spaces.items(), start=2):
        tried = [trial.parameters[setting] for trial in trials]
        if isinstance(space, Choice):
            tried = [str(value) for value in tried]
        figure.add_trace(_points(tried, values, colours), row=1, col=column)
        if not isinstance(space, Choice) and space.log:
            figure.update_xaxes(type="log", row=1, col=column)
    figure.update_yaxes(title=f"NDCG@{k} on validation", col=1)
    figure.update_layout(
        title=f"Search of {name}: {len(trials)} trials", showlegend=False, template="plotly_white", height=420
    )
    return figure


def _points(x: Sequence[object], y: Sequence[float], colours: Sequence[str]) -> go.Scatter:
    return go.Scatter(x=list(x), y=list(y), mode="markers", marker={"color": list(colours), "size": 8})
