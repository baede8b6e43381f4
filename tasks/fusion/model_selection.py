"""Which normaliser and which method: the simplest ones, unless another one wins out of fold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.arrays.types import Codes, Flags, Floats
from tasks.fusion.candidates import Candidates
from tasks.fusion.methods import accurate_model
from tasks.fusion.model import METHODS, WEIGHTED
from tasks.fusion.normalise import NORMALISERS, RECIPROCAL_RANK
from tasks.fusion.rerank import by_score
from tasks.metrics.bootstrap import paired_difference
from tasks.metrics.folds import folds_of
from tasks.metrics.ranking import mean_defined, ndcg

AUTO = "auto"
FEWEST_USERS = 20  # with fewer nothing can be told


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
    *,
    method: str,
    normaliser: str,
    k: int,
    seed: int,
    resamples: int = 2000,
) -> Winner:
    """Choose by users' halves: what one half teaches is judged on the other.

    First the normaliser, each under a weighted sum, against z-scores; then the method, against the weighted
    sum. What is more elaborate is kept where the paired lower bound of its NDCG is above zero; of several
    such the best.

    Args:
        candidates: of the U users whom the choice may see.
        relevant: (U, C), whether a candidate is relevant.
        n_relevant: (U,) relevant items of each, candidates or not.
        user_ids: (U,) external ids of these users.
        method: its name, or "auto".
        normaliser: its name, or "auto".
        k: length of the lists.
        seed: of the halves, the networks and the intervals.
        resamples: behind the intervals.
    """
    methods = METHODS if method == AUTO else (method,)
    normalisers = tuple(NORMALISERS) if normaliser == AUTO else (normaliser,)
    simplest = Winner(methods[0], normalisers[0])
    if len(methods) == len(normalisers) == 1 or len(user_ids) < FEWEST_USERS:
        return simplest
    half = folds_of(user_ids, seed)
    values: dict[tuple[str, str], Floats] = {}

    def judged(pair: tuple[str, str]) -> Floats:
        """(U,) NDCG of lists from what the other half taught."""
        if pair not in values:
            values[pair] = np.zeros(len(half))
            for code in (0, 1):
                mine, others = np.flatnonzero(half == code), np.flatnonzero(half != code)
                model = accurate_model(*pair, candidates.take(others), relevant[others], seed)
                places = by_score(model.scores(candidates.take(mine)), k)
                hits = (places >= 0) & np.take_along_axis(relevant[mine], places, axis=1)
                values[pair][mine] = ndcg(hits, n_relevant[mine])
        return values[pair]

    def compared(pairs: Sequence[tuple[str, str]]) -> list[Entry]:
        """An entry each; the first pair is the one to beat."""
        other = judged(pairs[0])
        return [
            Entry(
                *pair,
                mean_defined(judged(pair)),
                " ".join(pairs[0]),
                *paired_difference(judged(pair), other, resamples, seed),
            )
            for pair in pairs
        ]

    scales = compared([(WEIGHTED, name) for name in normalisers])
    scale = _best(scales).normaliser
    ways = compared([(name, RECIPROCAL_RANK if name == RECIPROCAL_RANK else scale) for name in methods])
    way = _best(ways)
    entries = {(entry.method, entry.normaliser): entry for entry in [*scales, *ways]}
    kept = way.method, way.normaliser
    marked = (Entry(**{**vars(entry), "kept": pair == kept}) for pair, entry in entries.items())
    return Winner(way.method, scale, tuple(marked))


def _best(entries: Sequence[Entry]) -> Entry:
    """The best of those that are surely better than the first; the first where there is none."""
    return max(
        (entry for entry in entries[1:] if entry.low > 0), key=lambda one: one.ndcg, default=entries[0]
    )
