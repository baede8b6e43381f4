"""Popularity within the categories that a user has turned to lately."""

import numpy as np
from scipy import sparse

from tasks.arrays.recency import recency_weights
from tasks.matching.base import ArrayMatcher
from tasks.matching.contract import FloatArray, TrainingData, UserBatch, VisitorBatch
from tasks.matching.popularity import decayed_counts
from tasks.settings.matchers import CategoryPopularitySettings

# Of everybody's shares in a user's: a category that a user never chose is unlikely, not impossible.
PRIOR = 0.02


class CategoryPopularity(ArrayMatcher[CategoryPopularitySettings]):
    """The geometric mean of how popular an item is and how much the user leans to its categories.

    out[u, n] = sqrt(count[n]) * mean over the categories c of n of sqrt(share[u, c] / overall[c]). count is
    the sum over an item's events of 0.5 ** (age / half_life_days). share[u, :] adds up to 1, an item of the
    history counting 0.5 ** (position back / half_life_items), spread evenly over its categories; overall is
    the same for all events together, of which every user gets a little. Items without a category form one of
    their own. So data without categories, and a user without history, give plain popularity in another unit.
    """

    name = "category_popularity"
    of_users = ("share",)

    def fit(self, data: TrainingData) -> None:
        """Count events per item, and look up the categories of the histories."""
        belongs = np.column_stack([data.categories, ~data.categories.any(axis=1)])  # (N, C + 1)
        spread = (belongs / belongs.sum(axis=1, keepdims=True)).astype(np.float32)
        history = data.weighted(recency_weights(data.position_back, self.settings.half_life_items))
        everybody = sparse.csr_matrix(data.learned.seen.sum(axis=0))  # (1, N)
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "count": decayed_counts(data.learned, self.settings.half_life_days).astype(np.float32),
            "spread": spread,
            "overall": _shares(everybody, spread)[0],  # (C + 1,)
            "share": _shares(history, spread),  # (U, C + 1)
        }

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32, 0 or more."""
        return self._from_shares(self._array("share")[self._known(users.users)])

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32 for the categories of what the visitors did."""
        spread = self._array("spread")
        history = visitors.history(len(spread), self.settings.half_life_items)
        return self._from_shares(_shares(history, spread))

    def _from_shares(self, share: FloatArray) -> FloatArray:
        """Score shares (B, C + 1): (B, N)."""
        overall = self._array("overall")
        known = share.any(axis=1, keepdims=True)
        smoothed = np.where(known, (1 - PRIOR) * share + PRIOR * overall, overall)
        # A category without events says nothing of anybody.
        lean = np.sqrt(np.divide(smoothed, overall, out=np.zeros_like(smoothed), where=overall > 0))
        return np.sqrt(self._array("count")) * (lean @ self._array("spread").T)


def _shares(history: sparse.csr_matrix, spread: FloatArray) -> FloatArray:
    """(B, C + 1) shares of categories in histories (B, N); zeros without history."""
    weight = np.asarray(history @ spread, dtype=np.float32)
    total = weight.sum(axis=1, keepdims=True)
    return np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
