"""The search over weights and the diversity dial, and the rule that chooses a point on its front."""

import math
import operator
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import optuna

from tasks.measures import Floats


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
SHARES = (0.15, 0.4)  # of one matcher, that is mixed into accurate weights
Evaluate = Callable[[Floats, float], Judged]
"""Weights (M,) and diversity to what their lists are worth."""


@dataclass(frozen=True)
class Trial:
    """One point of a search."""

    number: int
    weights: dict[str, float]
    """Non-negative, adding up to 1."""
    diversity: float
    judged: Judged

    @property
    def is_alone(self) -> bool:
        """Whether it is one matcher by itself, in the order of its scores."""
        return max(self.weights.values()) == 1 and self.diversity == 0

    def vector(self, matchers: Sequence[str]) -> Floats:
        """(M,) the weights in the order of `matchers`."""
        return np.array([self.weights[name] for name in matchers])


def search(
    evaluate: Evaluate,
    matchers: Sequence[str],
    trials: int,
    max_diversity: float,
    seed: int,
    on_trial: Callable[[Trial], None] | None = None,
    accurate: Floats | None = None,
    slack: float = 0.0,
) -> optuna.Study:
    """Search for weights and a dial that are accurate and diverse: two objectives, both to be high.

    The first trials are each matcher alone and all of them alike, so that the search starts from what a
    fusion must beat; then accurate weights under several dials, and mixed with others. From then on it
    prefers trials that are in nothing below the best matcher alone, as `choose` does. One job only: a
    parallel search cannot be repeated.

    Args:
        evaluate: what a trial measures.
        matchers: the M names, in the order of the weights.
        trials: how many, those first ones included.
        max_diversity: the dial is tried from 0 to this.
        seed: the same seed gives the same study.
        on_trial: called after every trial; for tracking and progress.
        accurate: (M,) weights to start from, learned without regard to diversity.
        slack: which matcher alone is the best, see `best_alone`.
    """
    if not matchers:
        raise ValueError("there is no matcher to weigh; name at least one in [matching] matchers")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        # Optuna calls it experimental. It finds a better front in a third of the time.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, n_startup_trials=max(10, trials // 4)
        )
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=sampler)
    study.set_user_attr("matchers", list(matchers))
    for start in [*np.eye(len(matchers)), np.ones(len(matchers))]:
        study.enqueue_trial({**_parameters(matchers, start), "diversity": 0.0}, skip_if_exists=True)
    for weights, dial in [] if accurate is None else _starts(accurate, max_diversity):
        study.enqueue_trial({**_parameters(matchers, weights), "diversity": dial}, skip_if_exists=True)

    alone: list[Judged] = []

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        raw = np.array([trial.suggest_float(f"weight_{name}", 0.0, 1.0) for name in matchers])
        diversity = trial.suggest_float("diversity", 0.0, max_diversity)
        weights = raw / raw.sum() if raw.sum() > 0 else np.full(len(matchers), 1 / len(matchers))
        trial.set_user_attr("weights", dict(zip(matchers, weights.tolist(), strict=True)))
        judged = evaluate(weights, diversity)
        trial.set_user_attr("judged", list(judged))
        if weights.max() == 1 and diversity == 0:  # these come first
            alone.append(judged)
        for measure, wanted, reached in zip(Judged._fields, best_alone(alone, slack), judged, strict=True):
            trial.set_constraint(f"{measure} of the best alone", wanted - reached)
        return judged.ndcg, judged.variety

    def report(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if on_trial is not None:
            on_trial(_as_trial(trial))

    study.optimize(objective, n_trials=trials, callbacks=[report])
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


def choose(study: optuna.Study, slack: float) -> Trial:
    """The trial with the most variety whose NDCG is within a share `slack` of the best one.

    Those that are in nothing below the best matcher alone (`best_alone`) go first: a gain in one measure of
    variety is not to be paid for with the other.

    Args:
        study: from search.
        slack: 0.01 gives up at most 1% of the best NDCG.
    """
    trials = all_trials(study)
    enough = (1 - slack) * max(trial.judged.ndcg for trial in trials)
    near = [trial for trial in trials if trial.judged.ndcg >= enough]
    alone = [trial.judged for trial in trials if trial.is_alone]
    if alone:
        best = best_alone(alone, slack)
        near = [trial for trial in near if all(map(operator.ge, trial.judged, best))] or near
    return max(near, key=lambda trial: (trial.judged.variety, trial.judged.ndcg, -trial.number))


def _starts(accurate: Floats, max_diversity: float) -> list[tuple[Floats, float]]:
    """Accurate weights under several dials; and some way from them to each matcher, and to each two of them.

    The largest weight is 1, so that each is among those that a search may suggest.
    """
    starts = [(accurate, float(dial)) for dial in np.linspace(0, max_diversity, DIALS)]
    for alone in np.eye(len(accurate)):
        for share in SHARES:
            mixed = (1 - share) * accurate + share * alone
            starts += [(mixed, 0.0), (mixed, max_diversity / 2)]
    for one, other in combinations(np.eye(len(accurate)), 2):
        starts.append(((2 * accurate + one + other) / 4, max_diversity / 2))
    return [(weights / weights.max(), dial) for weights, dial in starts]


def _parameters(matchers: Sequence[str], values: Floats) -> dict[str, float]:
    return {f"weight_{name}": float(value) for name, value in zip(matchers, values, strict=True)}


def _as_trial(trial: optuna.trial.FrozenTrial) -> Trial:
    judged = Judged(*trial.user_attrs["judged"])
    return Trial(trial.number, trial.user_attrs["weights"], trial.params["diversity"], judged)


def _best_first(trial: Trial) -> tuple[float, float, int]:
    return -trial.judged.ndcg, -trial.judged.variety, trial.number
