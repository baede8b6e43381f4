"""What is kept of trials: runs of MLflow with the metric names that all runs have, and plots."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.metrics.evaluator import Evaluation
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from tasks.studies.comparison import variants_figure

COLD = "cold_item"


def answer_of(
    settings: Settings,
    title: str,
    split_hash: str,
    rows: list[dict[str, Any]],
    judged: Sequence[Mapping[str, Evaluation]],
) -> dict[str, Any]:
    """What is printed of trials.

    Args:
        settings: of the run.
        title: of all of them.
        split_hash: of the split.
        rows: of the trials, one of them the baseline.
        judged: a trial's parts, "val" and, after a look at test, "test".
    """
    at = next(at for at, row in enumerate(rows) if row.get("is_baseline"))
    k = settings.evaluation.k
    return {
        "title": title,
        "dataset": settings.data.source,
        "protocol": settings.data.protocol,
        **({"draw": settings.data.draw} if settings.data.protocol == COLD else {}),
        "split_hash": split_hash,
        "seed": settings.seed,
        "k": k,
        "trials": settings.fusion.trials,
        "baseline": rows[at]["name"],
        "users": {part: len(found.per_user[f"ndcg_at_{k}"]) for part, found in judged[at].items()},
        "variants": rows,
    }


def keep(
    tracking: Tracking,
    parent: str,
    answer: dict[str, Any],
    judged: Sequence[Mapping[str, Evaluation]],
    settings: Settings,
    subject: str,
) -> None:
    """Keep trials in MLflow and their plots in the home, too; the answer says where.

    Args:
        tracking: of the run.
        parent: run of MLflow that the trials are below.
        answer: of `answer_of`.
        judged: as there.
        settings: of the run.
        subject: what differs between the trials.
    """
    answer["mlflow_run_id"] = parent
    _log_trials(tracking, parent, answer, judged, settings)
    answer["plots"] = _keep_plots(tracking, parent, answer, settings, subject)
    tracking.log_dict(parent, answer, "answer.json")


def _log_trials(
    tracking: Tracking,
    parent: str,
    answer: dict[str, Any],
    judged: Sequence[Mapping[str, Evaluation]],
    settings: Settings,
) -> None:
    """Every trial as a child run, with the metric names that all runs have."""
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


def _keep_plots(
    tracking: Tracking, parent: str, answer: dict[str, Any], settings: Settings, subject: str
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
