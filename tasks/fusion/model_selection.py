"""Which normaliser and which method: the simplest ones, unless another one is better out of fold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.arrays.types import Codes, Flags, Floats
from tasks.fusion.candidates import Candidates
from tasks.fusion.methods import accurate_model
from tasks.fusion.model import METHODS, WEIGHTED
from tasks.fusion.normalise import NORMALISERS, RECIPROCAL_RANK
from tasks.fusion.plan import Plan
from tasks.fusion.rerank import by_score
from tasks.metrics.bootstrap import paired_difference
from tasks.metrics.folds import folds_of
from tasks.metrics.ranking import mean_defined, ndcg

AUTO = "auto"
FEWEST_USERS = 20  # with fewer nothing can be told
RESAMPLES = 2000  # behind the intervals


@dataclass(frozen=True)
class Entry:
    """What a method is worth out of fold, by score alone, beside the one that it must beat."""

    method: str
    normaliser: str
    ndcg: float
    against: str
    """Method and normaliser of the other."""
    difference: float
    """NDCG minus that of the other, paired over users, with its 95% interval."""
    low: float
    high: float
    kept: bool = False


@dataclass(frozen=True)
class Winner:
    """What is kept, and the figures behind that; none where there was nothing to choose."""

    method: str
    normaliser: str
    entries: tuple[Entry, ...] = ()


def winner(
    candidates: Candidates,
    relevant: Flags,
    n_relevant: Codes,
    user_ids: Sequence[str],
    plan: Plan,
    resamples: int = RESAMPLES,
) -> Winner:
    """Choose by folds of the users: what one fold teaches is validated on the other.

    First the normaliser, each under a weighted sum, against z-scores; then the method, against the weighted
    sum. What is more elaborate is kept where the paired lower bound of its NDCG is above zero; of several
    such the best.

    `relevant` (U, C) says whether a candidate of the U users is relevant; `n_relevant` (U,) counts relevant
    items, candidates or not.
    """
    methods = METHODS if plan.method == AUTO else (plan.method,)
    normalisers = tuple(NORMALISERS) if plan.normaliser == AUTO else (plan.normaliser,)
    if len(methods) == len(normalisers) == 1 or len(user_ids) < FEWEST_USERS:
        return Winner(methods[0], normalisers[0])
    selection = _Selection(candidates, relevant, n_relevant, folds_of(user_ids, plan.seed), plan, resamples)
    scales = selection.entries([(WEIGHTED, name) for name in normalisers])
    scale = _best(scales).normaliser
    ways = selection.entries(
        [(name, RECIPROCAL_RANK if name == RECIPROCAL_RANK else scale) for name in methods]
    )
    way = _best(ways)
    entries = {(entry.method, entry.normaliser): entry for entry in [*scales, *ways]}
    entries[way.method, way.normaliser] = replace(entries[way.method, way.normaliser], kept=True)
    return Winner(way.method, scale, tuple(entries.values()))


class _Selection:
    """Pairs of method and normaliser, each evaluated once."""

    def __init__(
        self,
        candidates: Candidates,
        relevant: Flags,
        n_relevant: Codes,
        fold: Codes,
        plan: Plan,
        resamples: int,
    ) -> None:
        self._candidates, self._relevant, self._n_relevant = candidates, relevant, n_relevant
        self._fold, self._plan, self._resamples = fold, plan, resamples
        self._known: dict[tuple[str, str], Floats] = {}

    def entries(self, pairs: Sequence[tuple[str, str]]) -> list[Entry]:
        """An entry each; the first pair is the one to beat."""
        first = self._ndcg(pairs[0])
        return [
            Entry(
                *pair,
                mean_defined(self._ndcg(pair)),
                " ".join(pairs[0]),
                *paired_difference(self._ndcg(pair), first, self._resamples, self._plan.seed),
            )
            for pair in pairs
        ]

    def _ndcg(self, pair: tuple[str, str]) -> Floats:
        """(U,) NDCG of lists from what the other fold taught."""
        if pair not in self._known:
            values = np.zeros(len(self._fold))
            for fold in (0, 1):
                mine, others = np.flatnonzero(self._fold == fold), np.flatnonzero(self._fold != fold)
                taught = self._candidates.take(others)
                model = accurate_model(*pair, taught, self._relevant[others], self._plan.seed)
                places = by_score(model.scores(self._candidates.take(mine)), self._plan.k)
                hits = (places >= 0) & np.take_along_axis(self._relevant[mine], places, axis=1)
                values[mine] = ndcg(hits, self._n_relevant[mine])
            self._known[pair] = values
        return self._known[pair]


def _best(entries: Sequence[Entry]) -> Entry:
    """The best of those that are surely better than the first; the first where there is none."""
    return max(
        (entry for entry in entries[1:] if entry.low > 0), key=lambda one: one.ndcg, default=entries[0]
    )
