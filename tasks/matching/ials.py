"""iALS: implicit alternating least squares.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, with the
objective and the regularisation of Rendle et al., "Revisiting the Performance of iALS on Item Recommendation
Benchmarks", RecSys 2022.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tasks.arrays.recency import recency_weights
from tasks.arrays.types import Floats
from tasks.matching.base import ArrayMatcher
from tasks.matching.contract import FloatArray, TrainingData, UserBatch, VisitorBatch
from tasks.settings.matchers import IalsSettings

FLOATS_AT_ONCE = 4_000_000  # of gathered factors: 32 MB
INITIAL_DEVIATION = 0.1  # of a user's or item's whole vector


class Ials(ArrayMatcher[IalsSettings]):
    """Factors of users and items, each solved for in turn while the other is held.

    With S the events, w_u and h_i (D,) the factors and n the number of a row's events, it minimises

        sum over S of (1 - w_u h_i)^2  +  unobserved sum over all (u, i) of (w_u h_i)^2
            + regularisation (sum over u of (n_u + unobserved N)^scaling |w_u|^2 + the same over i)

    Memory grows with users and items, never with items x items. A user's factors are solved for once more
    from the history as it is when lists are made, where an event weighs 0.5 ** (position back /
    half_life_items): so visitors and given events need no new fit.
    """

    name = "ials"
    of_users = ("users",)
    when_applied = frozenset({"half_life_items"})

    def fit(self, data: TrainingData) -> None:
        """Alternate from seeded item factors, then solve for all users by their histories as they are now."""
        by_user = sparse.csr_matrix(data.learned.seen, dtype=np.float64)
        by_item = sparse.csr_matrix(by_user.T)
        rng = np.random.default_rng(data.seed)
        factors = self.settings.factors
        items = rng.normal(0, INITIAL_DEVIATION / np.sqrt(factors), (data.n_items, factors))
        for _ in range(self.settings.epochs):
            users = self._solve(by_user, items)
            items = self._solve(by_item, users)
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "items": items.astype(np.float32),
            "users": self._users(data, items),
        }

    def _users(self, data: TrainingData, items: Floats) -> FloatArray:
        """(U, D) factors of all users by their histories as they are now."""
        history = data.weighted(recency_weights(data.position_back, self.settings.half_life_items))
        return self._solve(history, items).astype(np.float32)

    def _applied(self, learned: Mapping[str, NDArray[Any]], data: TrainingData) -> dict[str, NDArray[Any]]:
        return {"users": self._users(data, learned["items"].astype(np.float64))}

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32; a user without history scores 0 everywhere."""
        return self._array("users")[self._known(users.users)] @ self._array("items").T

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32, by factors solved for from what the visitors did."""
        items = self._array("items")
        history = visitors.history(len(items), self.settings.half_life_items)
        return self._solve(history, items.astype(np.float64)).astype(np.float32) @ items.T

    def _solve(self, weights: sparse.csr_matrix, other: Floats) -> Floats:
        """Return (R, D) float64: the factors of all rows, given those of the columns, `other` (M, D).

        `weights` (R, M) says what each event weighs. Rows are taken by length, so that padding to the longest
        of a block costs little.
        """
        n_rows, size = len(weights.indptr) - 1, other.shape[1]
        out = np.zeros((n_rows, size))
        length = np.diff(weights.indptr)
        everything = self.settings.unobserved * (other.T @ other)  # (D, D)
        base = self.settings.unobserved * len(other)
        order = np.argsort(length, kind="stable")
        order = order[np.searchsorted(length[order], 1) :]  # a row without events keeps zeros
        while len(order):
            longest = int(length[order[-1]])
            rows = order[-max(1, FLOATS_AT_ONCE // (max(longest, size) * size)) :]
            order = order[: -len(rows)]
            place = np.arange(longest)
            there = place < length[rows, None]  # (B, L)
            event = np.minimum(weights.indptr[rows, None] + place, len(weights.data) - 1)
            weight = np.where(there, weights.data[event], 0.0)
            gathered = other[weights.indices[event]]  # (B, L, D)
            weighted = gathered * weight[:, :, None]
            gram = weighted.swapaxes(1, 2) @ gathered + everything  # (B, D, D)
            ridge = self.settings.regularisation * (weight.sum(axis=1) + base) ** self.settings.scaling
            gram[:, np.arange(size), np.arange(size)] += ridge[:, None]
            out[rows] = np.linalg.solve(gram, weighted.sum(axis=1)[:, :, None])[:, :, 0]
        return out
