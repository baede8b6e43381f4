"""The trials of a weight search, and which of them is taken."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tasks.fusion.model import LEARNED, Point

ALIKE = 0.05  # a share of NDCG that two folds of the users differ by
ENOUGH_USERS = 200  # whose word on weights is taken as it is
PRIOR_USERS = 10  # that equal weights count for where fewer can judge


class TrialMetrics(NamedTuple):
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


class Ratios(NamedTuple):
    """How many times the catalogue and the ild of the best matcher alone a diverse point must have."""

    catalogue: float
    ild: float


@dataclass(frozen=True)
class Trial:
    """One point of a search."""

    number: int
    weights: dict[str, float]
    """Non-negative, adding up to 1."""
    diversity: float
    metrics: TrialMetrics
    parameters: dict[str, float] = field(default_factory=dict, compare=False, repr=False)
    """As they were sampled: the same weights before they were made to add up to 1."""
    category_cap: int = 0
    """At most so many items of one category; 0 is no cap."""

    @property
    def is_alone(self) -> bool:
        """Whether it is one matcher by itself, in the order of its scores."""
        heaviest = max(self.weights, key=lambda name: self.weights[name])
        return self.weights[heaviest] == 1 and heaviest != LEARNED and self.diversity == 0

    @property
    def point(self) -> Point:
        """What a model takes of it."""
        return Point(self.weights, self.diversity, self.category_cap)


def pareto_front(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that no other one beats in both objectives, the most accurate first, equal points once."""
    front: list[Trial] = []
    for trial in sorted(trials, key=_best_first):
        if not front or trial.metrics.variety > front[-1].metrics.variety:
            front.append(trial)
    return front


def best_alone(alone: Sequence[TrialMetrics], max_ndcg_loss: float) -> TrialMetrics:
    """The most varied of the matchers alone whose NDCG is within a share of the most accurate one's.

    What is as accurate as another up to chance should not be taken for the better one while it shows people
    less: a fusion must be as varied as this one.
    """
    enough = (1 - max_ndcg_loss) * max(one.ndcg for one in alone)
    return max((one for one in alone if one.ndcg >= enough), key=lambda one: one.variety)


def most_diverse(trials: Sequence[Trial], max_ndcg_loss: float) -> Trial:
    """The most varied trial whose NDCG is within a share `max_ndcg_loss` of the best; 0: the most accurate.

    At most half of what fusing gains over the best matcher alone is given up. Those go first that are in
    nothing below the best matcher alone (`best_alone`): a gain in one metric of variety is not to be paid
    for with the other.
    """
    top = max(trial.metrics.ndcg for trial in trials)
    enough = (1 - max_ndcg_loss) * top
    alone = [trial.metrics for trial in trials if trial.is_alone]
    if alone:
        enough = max(enough, (top + best_alone(alone, 0.0).ndcg) / 2)
    near = [trial for trial in trials if trial.metrics.ndcg >= enough]
    if alone:
        best = best_alone(alone, max_ndcg_loss)
        near = [trial for trial in near if all(map(operator.ge, trial.metrics, best))] or near
    return max(near, key=lambda trial: (trial.metrics.variety, trial.metrics.ndcg, -trial.number))


def most_accurate(trials: Sequence[Trial], ratios: Ratios) -> Trial:
    """The most accurate trial with so many times the catalogue and the ild of a matcher alone.

    That matcher is the most varied of those within 5% of the most accurate one: which of several equally
    accurate matchers leads is luck. Where no trial has both and the NDCG of the most accurate matcher alone,
    it is the one that falls short by the least share of these.
    """
    alone = [trial.metrics for trial in trials if trial.is_alone]
    varied = best_alone(alone, ALIKE)
    wanted = (
        best_alone(alone, 0.0).ndcg,
        ratios.ild * varied.ild,
        ratios.catalogue * varied.effective_catalogue,
    )

    def shortfall(trial: Trial) -> float:
        pairs = zip(wanted, trial.metrics, strict=True)
        return max(max(0.0, 1 - has / needed) if needed > 0 else 0.0 for needed, has in pairs)

    return min(trials, key=lambda trial: (shortfall(trial), *_best_first(trial)))


def trusted(users: int) -> float:
    """Share of what so many users chose; the rest is that of equal weights, which count as 10 users.

    With 200 users and more it is 1: the prior would have less than a twentieth there.

    >>> trusted(10), trusted(90), trusted(200)
    (0.5, 0.9, 1.0)
    """
    return 1.0 if users >= ENOUGH_USERS else users / (users + PRIOR_USERS)


def drawn(trial: Trial, users: int) -> Point:
    """The point of a trial that few users chose, drawn towards all matchers alike, without re-ranking.

    What 200 trials make of a handful of users is luck: the fewer they are, the nearer the point is to what
    is taken where nobody can judge. See `trusted`.
    """
    share = trusted(users)
    if share == 1.0:
        return trial.point
    matchers = [name for name in trial.weights if name != LEARNED]
    alike = {name: (1 - share) / len(matchers) for name in matchers}
    weights = {name: share * weight + alike.get(name, 0.0) for name, weight in trial.weights.items()}
    return Point(weights, share * trial.diversity, trial.category_cap)


def _best_first(trial: Trial) -> tuple[float, float, int]:
    return -trial.metrics.ndcg, -trial.metrics.variety, trial.number
