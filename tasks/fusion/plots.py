"""The front of accuracy against diversity, as a figure and as the rows of a table."""

from typing import Any

import optuna
import plotly.graph_objects as go

from tasks.fusion.weights import Trial, all_trials, pareto_front


def pareto_figure(study: optuna.Study, chosen: Trial, k: int) -> go.Figure:
    """All trials, the front, each matcher alone, and the chosen point; hover shows the weights."""
    trials, front = all_trials(study), pareto_front(study)
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
    figure.update_layout(
        title="Weights searched on validation: accuracy against diversity",
        xaxis_title="variety: geometric mean of ild and effective catalogue",
        yaxis_title=f"NDCG@{k}",
        template="plotly_white",
    )
    return figure


def pareto_rows(study: optuna.Study, chosen: Trial) -> list[dict[str, Any]]:
    """The front as table rows, the most accurate first, the chosen one marked."""
    return [
        {
            "chosen": "yes" if trial.number == chosen.number else "",
            "trial": trial.number,
            "ndcg": round(trial.judged.ndcg, 4),
            "ild": round(trial.judged.ild, 4),
            "effective_catalogue": round(trial.judged.effective_catalogue, 4),
            "diversity": round(trial.diversity, 3),
            **{name: round(weight, 3) for name, weight in trial.weights.items()},
        }
        for trial in pareto_front(study)
    ]


def _points(trials: list[Trial], name: str, **style: Any) -> go.Scatter:
    """A trace of trials: variety across, NDCG up."""
    hover = [
        "<br>".join(
            [f"trial {trial.number}, diversity {trial.diversity:.2f}"]
            + [f"{matcher} {weight:.3f}" for matcher, weight in trial.weights.items()]
        )
        for trial in trials
    ]
    return go.Scatter(
        x=[trial.judged.variety for trial in trials],
        y=[trial.judged.ndcg for trial in trials],
        name=name,
        hovertext=hover,
        hoverinfo="text+x+y",
        **style,
    )
