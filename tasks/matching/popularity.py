"""Time-decayed popularity: the same scores for everyone."""

import numpy as np
from numpy.typing import NDArray

from tasks.matching.base import ArrayMatcher, above_zero
from tasks.matching.contract import FloatArray, Parameter, TrainingData, UserBatch, VisitorBatch

DAY_S = 86_400


def decayed_counts(data: TrainingData, half_life_days: float) -> NDArray[np.float64]:
    """(N,) events per item, each counting 0.5 ** (age / half-life); age counts from the newest event.

    Args:
        data: the events.
        half_life_days: an event this many days before the newest one counts half.
    """
    age_days = (data.time.max(initial=0) - data.time) / DAY_S
    counts = np.bincount(data.item, np.power(0.5, age_days / half_life_days), data.n_items)
    return counts.astype(np.float64)  # without events they are whole numbers


class Popularity(ArrayMatcher):
    """log(1 + sum over an item's events of 0.5 ** (age / half-life)).

    Age counts from the newest event of the fit window. The logarithm leaves the order as it is and keeps a
    few very popular items from ruling a weighted sum.

    Args:
        half_life_days: an event this many days before the newest one counts half.
    """

    name = "popularity"

    def __init__(self, half_life_days: float) -> None:
        super().__init__()
        above_zero(self.name, half_life_days=half_life_days)
        self.half_life_days = half_life_days

    def parameters(self) -> dict[str, Parameter]:
        """Return the arguments that make this matcher again."""
        return {"half_life_days": self.half_life_days}

    def fit(self, data: TrainingData) -> None:
        """Count the window's events per item, the older the less."""
        counts = decayed_counts(data.learned, self.half_life_days)
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "popularity": np.log1p(counts).astype(np.float32),
        }

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32: one row, repeated."""
        return np.tile(self._array("popularity"), (len(self._known(users.users)), 1))

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32: one row, repeated."""
        return np.tile(self._array("popularity"), (len(visitors), 1))
