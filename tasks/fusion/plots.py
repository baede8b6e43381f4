"""The front of accuracy against diversity, as a figure and as the rows of a table."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from tasks.fusion.points import Trial, pareto_front


def pareto_figure(trials: Sequence[Trial], chosen: Trial, k: int, diverse: Trial | None = None) -> go.Figure:
    """All trials, the front, each matcher alone, and the chosen points; hover shows the weights."""
    front = pareto_front(trials)
    alone = [trial for trial in trials if trial.is_alone]
    figure = go.Figure()
    figure.add_trace(_points(trials, "trials", mode="markers", marker={"color": "#cbd5e1", "size": 7}))
    figure.add_trace(_points(front, "front", mode="lines+markers", marker={"color": "#0f766e", "size": 8}))
    figure.add_trace(
        _points(
            alone,
            "one matcher alone",
            mode="markers+text",
            marker={"color": "#64748b", "size": 10, "symbol": "diamond"},
            text=[max(trial.weights, key=lambda name: trial.weights[name]) for trial in alone],
            textposition="top center",
        )
    )
    star = {"color": "#c2410c", "size": 16, "symbol": "star"}
    figure.add_trace(_points([chosen], "chosen", mode="markers", marker=star))
    if diverse is not None:
        square = {"color": "#7c3aed", "size": 12, "symbol": "square"}
        figure.add_trace(_points([diverse], "chosen, diverse", mode="markers", marker=square))
    figure.update_layout(
        title="Weights searched on validation: accuracy against diversity",
        xaxis_title="variety: geometric mean of ild and effective catalogue",
        yaxis_title=f"NDCG@{k}",
        template="plotly_white",
    )
    return figure


def parallel_figure(trials: Sequence[Trial], k: int) -> go.Figure:
    """Every trial as a line through its weights, its dial and what it is worth, coloured by NDCG."""
    axes: dict[str, list[float]] = {
        **{name: [trial.weights[name] for trial in trials] for name in trials[0].weights},
        "diversity": [trial.diversity for trial in trials],
        "category cap": [trial.category_cap for trial in trials],
        "ild": [trial.metrics.ild for trial in trials],
        "effective catalogue": [trial.metrics.effective_catalogue for trial in trials],
        f"NDCG@{k}": [trial.metrics.ndcg for trial in trials],
    }
    figure = go.Figure(
        go.Parcoords(
            line={"color": axes[f"NDCG@{k}"], "colorscale": "Viridis", "showscale": True},
            dimensions=[{"label": label, "values": values} for label, values in axes.items()],
        )
    )
    figure.update_layout(title="Weights searched on validation: every trial", template="plotly_white")
    return figure


def weights_figure(chosen: Mapping[str, Trial]) -> go.Figure:
    """The weights that each search chose, by its name: how much of them is luck of the users."""
    figure = go.Figure(
        [
            go.Bar(name=name, x=list(trial.weights), y=list(trial.weights.values()))
            for name, trial in chosen.items()
        ]
    )
    figure.update_layout(
        title="Chosen weights, by the users that chose them", barmode="group", template="plotly_white"
    )
    return figure


def pareto_rows(trials: Sequence[Trial], chosen: Trial, diverse: Trial | None = None) -> list[dict[str, Any]]:
    """The front as table rows, the most accurate first, the chosen ones marked.

    The diverse point has a row even where it is not on the front.
    """
    shown = {trial.number: trial for trial in pareto_front(trials)}
    marks = {chosen.number: "yes"}
    if diverse is not None:
        shown[diverse.number] = diverse
        marks.setdefault(diverse.number, "diverse")
    return [
        {
            "chosen": marks.get(trial.number, ""),
            "trial": trial.number,
            "ndcg": round(trial.metrics.ndcg, 4),
            "ild": round(trial.metrics.ild, 4),
            "effective_catalogue": round(trial.metrics.effective_catalogue, 4),
            "diversity": round(trial.diversity, 3),
            "category_cap": trial.category_cap,
            **{name: round(weight, 3) for name, weight in trial.weights.items()},
        }
        for trial in sorted(shown.values(), key=lambda trial: -trial.metrics.ndcg)
    ]


def _points(trials: Sequence[Trial], name: str, **style: Any) -> go.Scatter:
    """A trace of trials: variety across, NDCG up."""
    hover = [
        "<br>".join(
            [f"trial {trial.number}, diversity {trial.diversity:.2f}"]
            + [f"{matcher} {weight:.3f}" for matcher, weight in trial.weights.items()]
        )
        for trial in trials
    ]
    return go.Scatter(
        x=[trial.metrics.variety for trial in trials],
        y=[trial.metrics.ndcg for trial in trials],
        name=name,
        hovertext=hover,
        hoverinfo="text+x+y",
        **style,
    )
