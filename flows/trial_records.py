"""What is kept of trials: runs of MLflow with the metric names that all runs have, and plots."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.evaluation.ablation import variants_figure
from tasks.evaluation.metrics import Evaluation
from tasks.settings import Settings
from tasks.tracking import Tracking


def log_trials(
    tracking: Tracking,
    parent: str,
    answer: dict[str, Any],
    judged: Sequence[Mapping[str, Evaluation]],
    settings: Settings,
) -> None:
    """Every trial as a child run, with the metric names that all runs have.

    Args:
        tracking: of the run.
        parent: run of MLflow that the trials are below.
        answer: what is printed; the rows of its "variants" are the trials.
        judged: a trial's parts, "val" and, after a look at test, "test".
        settings: of the run.
    """
    shared = {"protocol": answer["protocol"], "seed": settings.seed, "trials": answer["trials"]}
    tracking.log(parent, params={**shared, "baseline": answer["baseline"]})
    for parts, row in zip(judged, answer["variants"], strict=True):
        metrics: dict[str, float] = {}
        for part, evaluation in parts.items():
            metrics |= {f"{part}_{name}": value for name, value in evaluation.metrics.items()}
            for name, found in row[part]["differences"].items():
                metrics |= {f"{part}_{name}_{key}": value for key, value in found.items()}
        for key in ("text_distance", "fit_seconds", "score_seconds"):
            if row.get(key) is not None:
                metrics[key] = row[key]
        weights = {
            f"{search}_weight_{matcher}": weight
            for search, of_search in row["weights"].items()
            for matcher, weight in of_search.items()
        }
        dials = {f"{search}_diversity": dial for search, dial in row["diversity"].items()}
        slots = {"slots": row["slots"]} if "slots" in row else {}
        name = row["name"]
        with tracking.run("evaluation", name, {"variant": name}, parent) as run_id:
            params = {**shared, "variant": name, **slots, **weights, **dials}
            tracking.log(run_id, params=params, metrics={n: v for n, v in metrics.items() if np.isfinite(v)})


def keep_plots(
    tracking: Tracking, parent: str, answer: dict[str, Any], settings: Settings, subject: str = "texts"
) -> dict[str, str]:
    """The plot of each part as a file of the home, and in MLflow."""
    folder = settings.data_folder / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for part in answer["users"]:
        figure = variants_figure(answer, part)
        tracking.log_figure(parent, figure, f"variants_{part}.html")
        kind = "comparison" if "pair" in answer else "ablation"
        file = folder / f"{kind}-of-{subject}-{part}.html"
        file.write_text(figure.to_html(include_plotlyjs=True), encoding="utf-8")
        files[part] = str(file)
    return files
