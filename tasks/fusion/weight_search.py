"""The search over weights and the diversity dial: two objectives, accuracy and variety, both to be high."""

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from tasks.arrays.types import Floats
from tasks.fusion.model import LEARNED
from tasks.fusion.plan import Plan
from tasks.fusion.points import Trial, TrialMetrics, best_alone
from tasks.run.study import ResumableStudy

DIALS = 5  # that accurate weights are tried with
STEP = 0.08  # by which a parameter is moved around a point
SHARES = (0.15, 0.4)  # of one matcher, that is mixed into accurate weights
Evaluate = Callable[[Floats, float, int], TrialMetrics]
"""Weights (F,), diversity and the cap on a category to what their lists are worth."""


def search(
    evaluate: Evaluate,
    columns: Sequence[str],
    plan: Plan,
    *,
    caps: Sequence[int] = (0,),
    accurate: Floats | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    file: Path | None = None,
) -> list[Trial]:
    """Every trial of a search for weights, a dial and a cap.

    The first trials are each matcher alone and all of them alike, so that the search starts from what a
    fusion must beat; then accurate weights under several dials, and mixed with others. From then on it
    prefers trials that are in nothing below the best matcher alone. The last third looks around the points
    that the plan would take so far.

    Columns are the F names of what is weighed: matchers, and the learned ranker where there is one. Of the
    caps on a category that are tried the first is the usual one. Accurate weights (F,) to start from were
    learned without regard to diversity. `on_trial` is called after every trial, those read from the file
    included; without a file, trials are in memory only.
    """
    matchers = [name for name in columns if name != LEARNED]
    if not matchers:
        raise ValueError("there is no matcher to weigh; name at least one in [matching] matchers")
    study = ResumableStudy(
        2, _space(columns, plan.max_diversity, caps), plan.seed, max(10, plan.trials // 4), file
    )
    starts = _starts(columns, accurate, plan.max_diversity, caps)
    trials: list[Trial] = []
    for number in range(plan.trials):
        if number < len(study.known):
            row = study.known[number]
        else:
            if number < len(starts):
                parameters = starts[number]
            elif number >= plan.trials - plan.trials // 3:
                near = (plan.diverse if number % 2 else plan.published)(trials)
                parameters = _around(near.parameters, plan, number)
            else:
                parameters = study.propose()
            row = _evaluated(parameters, columns, evaluate)
        trial = _trial(number, row)
        trials.append(trial)
        alone = [one.metrics for one in trials if one.is_alone]  # these come first
        best = best_alone(alone, plan.max_ndcg_loss)
        below = {
            f"{name} of the best alone": wanted - reached
            for name, wanted, reached in zip(TrialMetrics._fields, best, trial.metrics, strict=True)
        }
        study.add(row, [trial.metrics.ndcg, trial.metrics.variety], below)
        if on_trial is not None:
            on_trial(trial)
    return trials


def _space(columns: Sequence[str], max_diversity: float, caps: Sequence[int]) -> dict[str, BaseDistribution]:
    weights: dict[str, BaseDistribution] = {f"weight_{name}": FloatDistribution(0.0, 1.0) for name in columns}
    return {
        **weights,
        "diversity": FloatDistribution(0.0, max_diversity),
        "category_cap": CategoricalDistribution(caps),
    }


def _around(parameters: dict[str, float], plan: Plan, number: int) -> dict[str, float]:
    """Parameters like others, about half of them moved a little; the cap stays."""
    generator = np.random.default_rng([plan.seed, number])
    moved = dict(parameters)
    for name in parameters:
        if name != "category_cap" and generator.random() < 0.5:
            most = plan.max_diversity if name == "diversity" else 1.0
            moved[name] = float(np.clip(parameters[name] + STEP * generator.normal(), 0.0, most))
    return moved


def _evaluated(parameters: dict[str, float], columns: Sequence[str], evaluate: Evaluate) -> dict[str, Any]:
    """A trial of some parameters, as the file keeps it."""
    raw = np.array([parameters[f"weight_{name}"] for name in columns])
    weights = raw / raw.sum() if raw.sum() > 0 else np.full(len(columns), 1 / len(columns))
    metrics = evaluate(weights, float(parameters["diversity"]), int(parameters["category_cap"]))
    named = dict(zip(columns, weights.tolist(), strict=True))
    return {"parameters": parameters, "weights": named, "metrics": list(metrics)}


def _trial(number: int, row: dict[str, Any]) -> Trial:
    parameters: dict[str, float] = row["parameters"]
    dial, cap = float(parameters["diversity"]), int(parameters["category_cap"])
    return Trial(number, row["weights"], dial, TrialMetrics(*row["metrics"]), parameters, cap)


def _starts(
    columns: Sequence[str], accurate: Floats | None, max_diversity: float, caps: Sequence[int]
) -> list[dict[str, float]]:
    """Parameters of the first trials, each once."""
    alone = np.eye(len(columns))
    matchers = [at for at, name in enumerate(columns) if name != LEARNED]
    points = [(alone[at], 0.0, caps[0]) for at in matchers]
    points.append((alone[matchers].sum(axis=0), 0.0, caps[0]))
    points += [] if accurate is None else _accurate_starts(accurate, max_diversity, caps)
    starts: list[dict[str, float]] = []
    for weights, dial, cap in points:
        start = {f"weight_{name}": float(weight) for name, weight in zip(columns, weights, strict=True)}
        start |= {"diversity": dial, "category_cap": cap}
        if start not in starts:
            starts.append(start)
    return starts


def _accurate_starts(
    accurate: Floats, max_diversity: float, caps: Sequence[int]
) -> list[tuple[Floats, float, int]]:
    """Accurate weights under several dials; and some way from them to each matcher, and to each two of them.

    The last of these, which are the most varied, are tried under the last of the caps. The largest weight is
    1, so that each is among those that a search may suggest.
    """
    starts = [(accurate, float(dial), caps[0]) for dial in np.linspace(0, max_diversity, DIALS)]
    for alone in np.eye(len(accurate)):
        for share in SHARES:
            mixed = (1 - share) * accurate + share * alone
            starts += [(mixed, 0.0, caps[0]), (mixed, max_diversity / 2, caps[0])]
    for one, other in combinations(np.eye(len(accurate)), 2):
        starts.append(((2 * accurate + one + other) / 4, max_diversity / 2, caps[-1]))
    return [(weights / weights.max(), dial, cap) for weights, dial, cap in starts]
