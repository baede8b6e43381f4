"""The search over weights and the diversity dial, and the rule that chooses a point on its front."""

import math
import operator
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import create_trial

from tasks.arrays.types import Floats
from tasks.fusion.model import LEARNED
from tasks.fusion.trial_file import TrialFile
from tasks.settings.point_rule import PointRule


class Judged(NamedTuple):
    """What lists are worth, over some users."""

    ndcg: float
    ild: float
    effective_catalogue: float

    @property
    def variety(self) -> float:
        """How diverse the lists are, each and together: the geometric mean of ild and effective catalogue.

        Re-ranking raises the one, less popular items the other; neither alone is diversity, and a geometric
        mean weighs relative gains of both alike. Data without categories has only the second.
        """
        return math.sqrt(self.ild * self.effective_catalogue) if self.ild > 0 else self.effective_catalogue


DIALS = 5  # that accurate weights are tried with
ALIKE = 0.05  # a share of NDCG that halves of the users differ by
STEP = 0.08  # by which a parameter is moved around a point
SHARES = (0.15, 0.4)  # of one matcher, that is mixed into accurate weights
Evaluate = Callable[[Floats, float, int], Judged]
"""Weights (F,), diversity and the cap on a category to what their lists are worth."""


@dataclass(frozen=True)
class Trial:
    """One point of a search."""

    number: int
    weights: dict[str, float]
    """Non-negative, adding up to 1."""
    diversity: float
    judged: Judged
    parameters: dict[str, float] = field(default_factory=dict, compare=False, repr=False)
    """As they were sampled: the same weights before they were made to add up to 1."""
    category_cap: int = 0
    """At most so many items of one category; 0 is no cap."""

    @property
    def is_alone(self) -> bool:
        """Whether it is one matcher by itself, in the order of its scores."""
        heaviest = max(self.weights, key=lambda name: self.weights[name])
        return self.weights[heaviest] == 1 and heaviest != LEARNED and self.diversity == 0

    def vector(self, matchers: Sequence[str]) -> Floats:
        """(M,) the weights in the order of `matchers`."""
        return np.array([self.weights[name] for name in matchers])


def search(
    evaluate: Evaluate,
    columns: Sequence[str],
    trials: int,
    max_diversity: float,
    seed: int,
    on_trial: Callable[[Trial], None] | None = None,
    accurate: Floats | None = None,
    slack: float = 0.0,
    caps: Sequence[int] = (0,),
    rules: Sequence[PointRule] = (),
    file: Path | None = None,
) -> optuna.Study:
    """Search for weights and a dial that are accurate and diverse: two objectives, both to be high.

    The first trials are each matcher alone and all of them alike, so that the search starts from what a
    fusion must beat; then accurate weights under several dials, and mixed with others. From then on it
    prefers trials that are in nothing below the best matcher alone, as `choose` does. One job only: a
    parallel search cannot be repeated. The sampler is seeded by the seed and the trial's number, so a search
    that goes on from a file ends as one that was never stopped.

    Args:
        evaluate: what a trial measures.
        columns: the F names of what is weighed: matchers, and the learned ranker where there is one.
        trials: how many, those first ones included.
        max_diversity: the dial is tried from 0 to this.
        seed: the same seed gives the same study.
        on_trial: called after every trial, those read from the file included; for tracking and progress.
        accurate: (F,) weights to start from, learned without regard to diversity.
        slack: which matcher alone is the best, see `best_alone`.
        caps: on a category, that are tried; the first is the usual one.
        rules: by which points will be taken; the last third of the trials looks around what they take so far.
        file: where trials are kept while the search lasts; in memory only when None.
    """
    matchers = [name for name in columns if name != LEARNED]
    if not matchers:
        raise ValueError("there is no matcher to weigh; name at least one in [matching] matchers")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["maximize", "maximize"])
    space = _space(columns, max_diversity, caps)
    starts = _all_starts(columns, accurate, max_diversity, caps)
    kept = None if file is None else TrialFile(file)
    known = [] if kept is None else kept.rows
    done: list[Trial] = []
    alone: list[Judged] = []
    for number in range(trials):
        asked = None
        if number < len(known):
            trial = _known(known[number], number)
        else:
            if number < len(starts):
                parameters = starts[number]
            elif rules and number >= trials - trials // 3:
                near = taken(done, rules[number % len(rules)])
                parameters = _around(near.parameters, max_diversity, np.random.default_rng([seed, number]))
            else:
                study.sampler = _sampler((seed * 1_000_003 + number) % 2**32, max(10, trials // 4))
                asked = study.ask(space)
                parameters = {name: asked.params[name] for name in space}
            trial = _judged(number, parameters, columns, evaluate)
            if kept is not None:
                kept.append(_row(trial))
        done.append(trial)
        if trial.is_alone:  # these come first
            alone.append(trial.judged)
        _tell(study, asked, trial, space, best_alone(alone, slack))
        if on_trial is not None:
            on_trial(trial)
    return study


def all_trials(study: optuna.Study) -> list[Trial]:
    """Every trial that finished, in order."""
    finished = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    return [_as_trial(trial) for trial in finished]


def pareto_front(study: optuna.Study) -> list[Trial]:
    """The trials that no other one beats in both objectives, the most accurate first, equal points once."""
    front: list[Trial] = []
    for trial in sorted(all_trials(study), key=_best_first):
        if not front or trial.judged.variety > front[-1].judged.variety:
            front.append(trial)
    return front


def best_alone(alone: Sequence[Judged], slack: float) -> Judged:
    """The most varied of the matchers alone whose NDCG is within a share `slack` of the most accurate one's.

    What is as accurate as another up to chance should not be taken for the better one while it shows people
    less: a fusion must be as varied as this one.
    """
    enough = (1 - slack) * max(judged.ndcg for judged in alone)
    return max((judged for judged in alone if judged.ndcg >= enough), key=lambda judged: judged.variety)


def choose(study: optuna.Study, rule: PointRule) -> Trial:
    """The trial that a rule takes.

    "Most diverse within" a share of the best NDCG: of the trials that are near enough those go first that are
    in nothing below the best matcher alone (`best_alone`), as a gain in one measure of variety is not to be
    paid for with the other; of these the one with the most variety.

    "Most accurate with" times the catalogue and times the ild of the most varied of the matchers alone that
    are within 5% of the most accurate one: the highest NDCG of those that have both. Where none has both and
    the NDCG of the most accurate matcher alone, the one that falls short by the least share of these.

    Args:
        study: from search.
        rule: from the settings.
    """
    return taken(all_trials(study), rule)


def taken(trials: Sequence[Trial], rule: PointRule) -> Trial:
    """The same of some trials."""
    alone = [trial.judged for trial in trials if trial.is_alone]
    if rule.catalogue is not None and rule.ild is not None and alone:
        # Which of several equally accurate matchers leads is luck: variety is held against the most varied.
        best = best_alone(alone, ALIKE)._replace(ndcg=best_alone(alone, 0.0).ndcg)
        return _with_times(trials, best, rule.catalogue, rule.ild)
    enough = (1 - rule.slack) * max(trial.judged.ndcg for trial in trials)
    near = [trial for trial in trials if trial.judged.ndcg >= enough]
    if alone:
        best = best_alone(alone, rule.slack)
        near = [trial for trial in near if all(map(operator.ge, trial.judged, best))] or near
    return max(near, key=lambda trial: (trial.judged.variety, trial.judged.ndcg, -trial.number))


def _with_times(trials: Sequence[Trial], best: Judged, catalogue: float, ild: float) -> Trial:
    """The most accurate trial with times the catalogue and the ild of `best`, or what comes closest."""

    def shortfall(trial: Trial) -> float:
        wanted = best.ndcg, ild * best.ild, catalogue * best.effective_catalogue
        pairs = zip(wanted, trial.judged, strict=True)
        return max(max(0.0, 1 - has / needed) if needed > 0 else 0.0 for needed, has in pairs)

    return min(trials, key=lambda trial: (shortfall(trial), *_best_first(trial)))


def _around(
    parameters: dict[str, float], max_diversity: float, generator: np.random.Generator
) -> dict[str, float]:
    """Parameters like others, about half of them moved a little; the cap stays."""
    moved = dict(parameters)
    for name in parameters:
        if name != "category_cap" and generator.random() < 0.5:
            most = max_diversity if name == "diversity" else 1.0
            moved[name] = float(np.clip(parameters[name] + STEP * generator.normal(), 0.0, most))
    return moved


def _space(columns: Sequence[str], max_diversity: float, caps: Sequence[int]) -> dict[str, BaseDistribution]:
    weights: dict[str, BaseDistribution] = {f"weight_{name}": FloatDistribution(0.0, 1.0) for name in columns}
    return {
        **weights,
        "diversity": FloatDistribution(0.0, max_diversity),
        "category_cap": CategoricalDistribution(caps),
    }


def _sampler(seed: int, startup: int) -> optuna.samplers.TPESampler:
    with warnings.catch_warnings():
        # Optuna calls it experimental. It finds a better front in a third of the time.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=startup)


def _judged(number: int, parameters: dict[str, float], columns: Sequence[str], evaluate: Evaluate) -> Trial:
    """A trial of some parameters."""
    raw = np.array([parameters[f"weight_{name}"] for name in columns])
    weights = raw / raw.sum() if raw.sum() > 0 else np.full(len(columns), 1 / len(columns))
    dial, cap = float(parameters["diversity"]), int(parameters["category_cap"])
    judged = evaluate(weights, dial, cap)
    named = dict(zip(columns, weights.tolist(), strict=True))
    return Trial(number, named, dial, judged, parameters, cap)


def _tell(
    study: optuna.Study,
    asked: optuna.Trial | None,
    trial: Trial,
    space: dict[str, BaseDistribution],
    best: Judged,
) -> None:
    """Let the study know a trial; `asked` where the sampler proposed it, `best` what it should reach."""
    judged = trial.judged
    values = [judged.ndcg, judged.variety]
    attributes = {"weights": trial.weights, "judged": list(judged)}
    constraints = {
        f"{measure} of the best alone": wanted - reached
        for measure, wanted, reached in zip(Judged._fields, best, judged, strict=True)
    }
    if asked is None:
        study.add_trial(
            create_trial(
                values=values,
                params=trial.parameters,
                distributions=space,
                user_attrs=attributes,
                constraints=constraints,
            )
        )
        return
    for name, value in attributes.items():
        asked.set_user_attr(name, value)
    for name, value in constraints.items():
        asked.set_constraint(name, value)
    study.tell(asked, values)


def _all_starts(
    columns: Sequence[str], accurate: Floats | None, max_diversity: float, caps: Sequence[int]
) -> list[dict[str, float]]:
    """Parameters of the first trials, each once."""
    width = len(columns)
    matchers = [at for at, name in enumerate(columns) if name != LEARNED]
    points = [(np.eye(width)[at], 0.0, caps[0]) for at in matchers]
    points.append((np.isin(np.arange(width), matchers).astype(np.float64), 0.0, caps[0]))
    points += [] if accurate is None else _starts(accurate, max_diversity, caps)
    starts: list[dict[str, float]] = []
    for weights, dial, cap in points:
        start = {f"weight_{name}": float(weight) for name, weight in zip(columns, weights, strict=True)}
        start |= {"diversity": dial, "category_cap": cap}
        if start not in starts:
            starts.append(start)
    return starts


def _starts(accurate: Floats, max_diversity: float, caps: Sequence[int]) -> list[tuple[Floats, float, int]]:
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


def _row(trial: Trial) -> dict[str, Any]:
    """A trial as the file keeps it."""
    return {"parameters": trial.parameters, "weights": trial.weights, "judged": list(trial.judged)}


def _known(row: dict[str, Any], number: int) -> Trial:
    """A trial of the file."""
    parameters: dict[str, float] = row["parameters"]
    judged, cap = Judged(*row["judged"]), int(parameters["category_cap"])
    return Trial(number, row["weights"], parameters["diversity"], judged, parameters, cap)


def _as_trial(trial: optuna.trial.FrozenTrial) -> Trial:
    judged, weights = Judged(*trial.user_attrs["judged"]), trial.user_attrs["weights"]
    dial, cap = trial.params["diversity"], trial.params["category_cap"]
    return Trial(trial.number, weights, dial, judged, trial.params, cap)


def _best_first(trial: Trial) -> tuple[float, float, int]:
    return -trial.judged.ndcg, -trial.judged.variety, trial.number
