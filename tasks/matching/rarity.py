"""How few people know an item: what a fusion weighs in to reach the long tail."""

import numpy as np

from tasks.matching.base import ArrayMatcher
from tasks.matching.contract import FloatArray, Parameter, TrainingData, UserBatch, VisitorBatch


class Rarity(ArrayMatcher):
    """-log(1 + an item's events) for people with a history; 0 for others, to whom what many like is shown.

    It proposes nothing, since the rarest items are nobody's taste: it only orders what other matchers
    propose, against the popularity that is in all of their scores.
    """

    name = "rarity"
    proposes = False

    def parameters(self) -> dict[str, Parameter]:
        """Return nothing: there is nothing to set."""
        return {}

    def fit(self, data: TrainingData) -> None:
        """Count the window's events per item."""
        counts = np.bincount(data.learned.item, minlength=data.n_items)
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "rarity": -np.log1p(counts).astype(np.float32),
            "has_history": np.bincount(data.user, minlength=data.n_users) > 0,
        }

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32: one row, or zeros."""
        return self._of(self._array("has_history")[self._known(users.users)])

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32: one row, or zeros."""
        return self._of(np.diff(visitors.start) > 0)

    def _of(self, has_history: np.ndarray) -> FloatArray:
        return np.where(has_history[:, None], self._array("rarity"), np.float32(0))
