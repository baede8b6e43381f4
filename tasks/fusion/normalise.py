"""One scale for all matchers: what a score means among the user's own candidates.

Every normaliser takes scores (U, C, M) of each user's fixed union of candidates, and (U, C) whether there is
one. It gives 0 where there is none, and for a matcher that scores all of a user's candidates alike: that is
no opinion.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tasks.arrays.types import Flags, Floats
from tasks.fusion.candidates import Candidates
from warehouse.errors import SettingsError

RANK_CONSTANT = 60  # of reciprocal ranks, as the paper has it
SIGMOID = "sigmoid"
RECIPROCAL_RANK = "reciprocal_rank"


def zscore(scores: NDArray[np.floating], present: Flags) -> Floats:
    """(U, C, M) float64: (score - mean) / standard deviation over a user's candidates, for each matcher."""
    weight = present[:, :, None]  # (U, C, 1)
    n = np.maximum(present.sum(axis=1), 1)[:, None, None]  # (U, 1, 1)
    values = np.where(weight, scores.astype(np.float64), 0.0)
    centred = np.where(weight, values - values.sum(axis=1, keepdims=True) / n, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=1, keepdims=True) / n)  # (U, 1, M)
    # Equal float32 scores differ from their float64 mean by rounding only: that is not a deviation.
    rounding = 1e-9 * np.abs(values).max(axis=1, keepdims=True, initial=0.0)
    return np.divide(centred, deviation, out=np.zeros(scores.shape), where=deviation > rounding)


def min_max(scores: NDArray[np.floating], present: Flags) -> Floats:
    """(U, C, M) float64: 0 for a user's lowest score of a matcher, 1 for the highest, linear between."""
    there = present[:, :, None]
    values = scores.astype(np.float64)
    low, high = _ends(values, present)
    span = high - low
    return np.divide(values - low, span, out=np.zeros(scores.shape), where=there & (span > 0))


def rank(scores: NDArray[np.floating], present: Flags) -> Floats:
    """(U, C, M) float64: 1 for a user's best candidate of a matcher, 0 for the worst, evenly between.

    Equal scores share the mean of their ranks.
    """
    n = present.sum(axis=1)[:, None, None].astype(np.float64)  # (U, 1, 1)
    low, high = _ends(scores, present)
    tells = present[:, :, None] & (high > low)
    scaled = np.divide(n - average_ranks(scores, present), n - 1, out=np.zeros(scores.shape), where=n > 1)
    return np.where(tells, scaled, 0.0)


def reciprocal_rank(scores: NDArray[np.floating], present: Flags) -> Floats:
    """(U, C, M) float64: 61 / (60 + rank): what reciprocal rank fusion adds up, the first place counting 1.

    Cormack, Clarke & Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
    Methods", SIGIR 2009; they have 1 / (60 + rank), which orders alike.
    """
    low, high = _ends(scores, present)
    tells = present[:, :, None] & (high > low)
    value = (RANK_CONSTANT + 1) / (RANK_CONSTANT + average_ranks(scores, present))
    return np.where(tells, value, 0.0)


def average_ranks(scores: NDArray[np.floating], present: Flags) -> Floats:
    """(U, C, M) float64: ranks from 1, the best, among a user's candidates; equal scores share their mean.

    What is absent stands behind all that is present; its ranks mean nothing.

    >>> average_ranks(np.array([[[0.5], [0.9], [0.5]]]), np.ones((1, 3), dtype=bool)).ravel()
    array([2.5, 1. , 2.5])
    """
    n_candidates = scores.shape[1]
    values = np.where(present[:, :, None], -scores.astype(np.float64), np.inf)
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    place = np.arange(n_candidates)[None, :, None]
    starts = np.ones(scores.shape, dtype=bool)  # whether a block of equal scores begins here
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ends = np.ones(scores.shape, dtype=bool)
    ends[:, :-1] = starts[:, 1:]
    first = np.maximum.accumulate(np.where(starts, place, 0), axis=1)
    last = np.where(ends, place, n_candidates)[:, ::-1]
    last = np.minimum.accumulate(last, axis=1)[:, ::-1]
    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=1)
    return ranks


def _ends(scores: NDArray[np.floating], present: Flags) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """(U, 1, M) twice: a user's lowest and highest score of each matcher."""
    there = present[:, :, None]
    low = np.where(there, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(there, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    return low, high


NORMALISERS: dict[str, Callable[[NDArray[np.floating], Flags], Floats]] = {
    "zscore": zscore,
    "min_max": min_max,
    "rank": rank,
    SIGMOID: zscore,  # what the calibration of the matcher then bends
}
"""Those that [fusion] normaliser names, the simplest first."""
OF_METHODS = {RECIPROCAL_RANK: reciprocal_rank}


@dataclass(frozen=True)
class Normaliser:
    """A normaliser with what it learned; frozen from tuning to publishing."""

    name: str
    calibration: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Of "sigmoid": matcher to slope and intercept of p(relevant | z-score), see `calibration.fitted`."""

    def __post_init__(self) -> None:
        """Refuse a name that there is none of."""
        if self.name not in NORMALISERS | OF_METHODS:
            raise SettingsError(
                f"there is no normaliser {self.name!r}; set normaliser in [fusion] to one of "
                f"{', '.join(NORMALISERS)}, or to auto"
            )

    def __call__(self, candidates: Candidates) -> Floats:
        """(U, C, M) float64; 0 where there is no item, or no opinion."""
        scaled = (NORMALISERS | OF_METHODS)[self.name](candidates.scores, candidates.present)
        if self.name != SIGMOID:
            return scaled
        slope, intercept = np.array([self._bend(name) for name in candidates.matchers]).T
        bent = expit(scaled * slope + intercept) - expit(intercept)  # 0 stays 0: no opinion
        return bent / (expit(slope + intercept) - expit(intercept))

    def _bend(self, matcher: str) -> tuple[float, float]:
        """A matcher's slope and intercept; one that nothing was learned of gets the mean of the others."""
        if matcher in self.calibration:
            return self.calibration[matcher]
        slope, intercept = np.mean(list(self.calibration.values()), axis=0)
        return float(slope), float(intercept)
