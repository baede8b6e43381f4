"""How few people know an item: what a fusion weighs in to reach the long tail."""

import numpy as np

from tasks.matching.contract import FloatArray, TrainingData, UserBatch, VisitorBatch
from tasks.matching.popularity import Popularity


class InversePopularity(Popularity):
    """The negative of popularity for people with a history; 0 for others, to whom what many like is shown.

    It proposes nothing, since the rarest items are nobody's taste: it only orders what other matchers
    propose, against the popularity that is in all of their scores.
    """

    name = "inverse_popularity"
    proposes = False

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
