"""Variants of the job beside one of them, the baseline: figures, differences, MLflow runs and plots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tasks.arrays.types import Floats
from tasks.fusion.tuning import Tuning
from tasks.metrics.bootstrap import paired_difference
from tasks.metrics.evaluator import Evaluation
from tasks.metrics.ranking import mean_defined
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from tasks.studies.comparison import as_values, differences, headline_metrics, variants_figure
from tasks.studies.window import Source

COLD = "cold_item"
LOGGED = ("text_distance", "fit_seconds", "score_seconds")


@dataclass(frozen=True)
class Result:
    """A variant, and what it is worth."""

    name: str
    kind: str
    """Decides its colour: "texts", "control", "with" or "without"."""
    tuning: Tuning
    parts: Mapping[str, Evaluation]
    """"val" and, after a look at test, "test"."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else is said of it, such as the seconds that it took."""
    spread: Floats | None = None
    """(N,) mean distance between an item's texts; NaN where there are fewer than two."""


@dataclass(frozen=True)
class Study:
    """What is asked. All variants are tried alike, and kept below one run of MLflow."""

    title: str
    subject: str
    """What differs between the variants."""
    baseline: str
    """Name of the variant that the others are compared with."""
    settings: Settings
    source: Source

    def run(
        self, results_below: Callable[[str], Sequence[Result]], notes: Sequence[str], pair: bool = False
    ) -> dict[str, Any]:
        """Try the variants; returns what is printed.

        Args:
            results_below: tries them; it is given the id of the MLflow run that they will be kept below.
            notes: what a reader must know.
            pair: whether the last of three variants is compared with the second, too.
        """
        settings, k = self.settings, self.settings.evaluation.k
        tracking = Tracking(settings, {"split_hash": self.source.split_hash}, self.source.data)
        about = f"What {self.subject} add to fusion: a child is a variant, whose weights are searched anew."
        with tracking.run("evaluation", self.title, about=about) as parent:
            results = results_below(parent)
            (baseline,) = [one for one in results if one.name == self.baseline]
            answer: dict[str, Any] = {
                "title": self.title,
                "dataset": settings.data.source,
                "protocol": settings.data.protocol,
                **({"draw": settings.data.draw} if settings.data.protocol == COLD else {}),
                "split_hash": self.source.split_hash,
                "seed": settings.seed,
                "k": k,
                "trials": settings.fusion.trials,
                "baseline": self.baseline,
                "users": {part: len(one.per_user[f"ndcg_at_{k}"]) for part, one in baseline.parts.items()},
                "variants": [self._row(one, baseline) for one in results],
                "notes": list(notes),
                **({"pair": self._pair(*results[1:])} if pair else {}),
                "mlflow_run_id": parent,
            }
            self._log(tracking, answer, results)
            answer["plots"] = self._plots(tracking, answer)
            tracking.client.log_dict(parent, answer, "answer.json")
        return answer

    def _differences(self, a: Result, b: Result, part: str) -> dict[str, dict[str, float]]:
        evaluation = self.settings.evaluation
        return differences(
            a.parts[part], b.parts[part], evaluation.k, evaluation.resamples, self.settings.seed
        )

    def _row(self, result: Result, baseline: Result) -> dict[str, Any]:
        """Weights that were chosen, figures, and how far they are above the baseline's."""
        row: dict[str, Any] = {
            "name": result.name,
            "kind": result.kind,
            **({"is_baseline": True} if result is baseline else {}),
            "weights": {search: trial.weights for search, trial in result.tuning.chosen.items()},
            "diversity": {search: trial.diversity for search, trial in result.tuning.chosen.items()},
        }
        for part, evaluation in result.parts.items():
            names = headline_metrics(evaluation, self.settings.evaluation.k)
            figures = {name: evaluation.metrics[name] for name in names}
            row[part] = {**figures, "differences": self._differences(result, baseline, part)}
        row |= result.more
        if result.spread is not None:
            distance = mean_defined(result.spread)
            row["text_distance"] = None if np.isnan(distance) else distance
        return row

    def _pair(self, a: Result, b: Result) -> dict[str, Any]:
        """How far b is above a: in lists over the same users, in spread over the same items."""
        found = self._differences(b, a, "val")
        if a.spread is not None and b.spread is not None:
            resamples, seed = self.settings.evaluation.resamples, self.settings.seed
            spread = paired_difference(b.spread, a.spread, resamples, seed)
            if not np.isnan(spread.difference):
                found["text_distance"] = as_values(spread)
        return {"name": f"{b.name} minus {a.name}", "val": found}

    def _log(self, tracking: Tracking, answer: Mapping[str, Any], results: Sequence[Result]) -> None:
        """Every variant as a child run, with the metric names that all runs have."""
        parent = answer["mlflow_run_id"]
        shared = {key: answer[key] for key in ("protocol", "seed", "trials")}
        tracking.log(parent, params={**shared, "baseline": self.baseline})
        for result, row in zip(results, answer["variants"], strict=True):
            metrics: dict[str, float] = {}
            for part, evaluation in result.parts.items():
                metrics |= {f"{part}_{name}": value for name, value in evaluation.metrics.items()}
                for name, found in row[part]["differences"].items():
                    metrics |= {f"{part}_{name}_{key}": value for key, value in found.items()}
            metrics |= {key: row[key] for key in LOGGED if row.get(key) is not None}
            params = {**shared, "variant": result.name, **({"slots": row["slots"]} if "slots" in row else {})}
            for search, weights in row["weights"].items():
                params |= {f"{search}_weight_{matcher}": weight for matcher, weight in weights.items()}
                params[f"{search}_diversity"] = row["diversity"][search]
            with tracking.run("evaluation", result.name, {"variant": result.name}, parent) as run_id:
                tracking.log(run_id, params, {name: x for name, x in metrics.items() if np.isfinite(x)})

    def _plots(self, tracking: Tracking, answer: Mapping[str, Any]) -> dict[str, str]:
        """The plot of each part as a file of the home, and in MLflow; returns part to file."""
        folder = self.settings.data_folder / "reports"
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for part in answer["users"]:
            figure = variants_figure(answer, part)
            tracking.log_figure(answer["mlflow_run_id"], figure, f"variants_{part}.html")
            kind = "comparison" if "pair" in answer else "ablation"
            file = folder / f"{kind}-of-{self.subject}-{part}.html"
            file.write_text(figure.to_html(include_plotlyjs=True), encoding="utf-8")
            files[part] = str(file)
        return files
