"""What a weight search leaves in MLflow: parameters, metrics and figures, by their names there."""

from typing import Any, TypedDict

import plotly.graph_objects as go

from tasks.fusion.plots import parallel_figure, pareto_figure, weights_figure
from tasks.fusion.points import Trial
from tasks.fusion.tuning import FINAL, Tuning
from tasks.settings import Settings


class Record(TypedDict):
    """What a run of MLflow holds."""

    params: dict[str, Any]
    metrics: dict[str, float]


def trial_record(trial: Trial, k: int) -> Record:
    """Params and metrics of a trial."""
    weights = {f"weight_{name}": weight for name, weight in trial.weights.items()}
    return {
        "params": {**weights, "diversity": trial.diversity, "category_cap": trial.category_cap},
        "metrics": {f"val_{name}_at_{k}": value for name, value in trial.metrics._asdict().items()},
    }


def search_record(tuning: Tuning, settings: Settings) -> Record:
    """Params and metrics of a search: what was asked, what was chosen, and what the methods are worth."""
    model, ndcg = tuning.models[FINAL], f"val_ndcg_at_{settings.evaluation.k}"
    points = {"chosen_trial": tuning.chosen, "diverse_trial": tuning.diverse}
    return {
        "params": {
            **settings.fusion.model_dump(exclude={"rules"}),
            "seed": settings.seed,
            "chosen_method": model.method,
            "chosen_normaliser": model.normaliser.name,
            **{name: found[FINAL].number for name, found in points.items() if FINAL in found},
        },
        "metrics": {
            "users": len(tuning.users),
            **{f"{ndcg}_{one['method']}_{one['normaliser']}": one["ndcg"] for one in model.model_selection},
        },
    }


def search_figures(tuning: Tuning, k: int) -> dict[str, go.Figure]:
    """File name to figure; none where nothing was tried."""
    trials = tuning.trials.get(FINAL)
    if not trials:
        return {}
    return {
        "pareto.html": pareto_figure(trials, tuning.chosen[FINAL], k, tuning.diverse[FINAL]),
        "parallel.html": parallel_figure(trials, k),
        "weights.html": weights_figure(tuning.chosen),
    }
