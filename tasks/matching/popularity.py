"""Time-decayed popularity: the same scores for everyone."""

import numpy as np
from numpy.typing import NDArray

from tasks.matching.base import ArrayMatcher
from tasks.matching.contract import FloatArray, TrainingData, UserBatch, VisitorBatch
from tasks.settings.matchers import PopularitySettings

DAY_S = 86_400


def decayed_counts(data: TrainingData, half_life_days: float) -> NDArray[np.float64]:
    """(N,) events per item, each counting 0.5 ** (age / half-life); age counts from the newest event."""
    age_days = (data.time.max(initial=0) - data.time) / DAY_S
    counts = np.bincount(data.item, np.power(0.5, age_days / half_life_days), data.n_items)
    return counts.astype(np.float64)  # without events they are whole numbers


class Popularity(ArrayMatcher[PopularitySettings]):
    """log(1 + sum over an item's events of 0.5 ** (age / half-life)).

    Age counts from the newest event of the fit window. The logarithm leaves the order as it is and keeps a
    few very popular items from ruling a weighted sum.
    """

    name = "popularity"

    def fit(self, data: TrainingData) -> None:
        """Count the window's events per item, the older the less."""
        counts = decayed_counts(data.learned, self.settings.half_life_days)
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


class InversePopularity(Popularity):
    """The negative of popularity for people with a history; 0 for others, to whom what many like is shown.

    It proposes nothing, since the rarest items are nobody's taste: it only orders what other matchers
    propose, against the popularity that is in all of their scores.
    """

    name = "inverse_popularity"
    proposes = False
    of_users = ("has_history",)

    def fit(self, data: TrainingData) -> None:
        """Count the window's events per item, and see who has any."""
        super().fit(data)
        self._arrays["has_history"] = np.bincount(data.user, minlength=data.n_users) > 0

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32: one row, or zeros."""
        return self._of(self._array("has_history")[self._known(users.users)])

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32: one row, or zeros."""
        return self._of(np.diff(visitors.start) > 0)

    def _of(self, has_history: np.ndarray) -> FloatArray:
        return np.where(has_history[:, None], -self._array("popularity"), np.float32(0))
