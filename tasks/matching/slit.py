"""SLIT: a linear model of what comes after what.

Choi et al., "Session-aware Linear Item-Item Models for Session-based Recommendation", WWW 2021.
"""

from collections.abc import Iterator

import numpy as np
from scipy import linalg, sparse

from tasks.arrays.recency import reach, recency_weights
from tasks.matching.base import LinearMatcher, above_zero, check_dense_items
from tasks.matching.contract import IntArray, Parameter, TrainingData
from tasks.matching.training_prefixes import block_bounds, ranges

MOMENTS_AT_ONCE = 4096


class Slit(LinearMatcher):
    """A ridge regression from the recent past to the near future, over all moments of all histories.

    A moment lies between two blocks of a user's events. With S (moments, N) the items before it, an item
    `position` events back weighing 0.5 ** (position / half_life_items), and T the items after it, weighted in
    the same way, B = (S'S + regularisation I)^-1 S'T. Scores are h B, h being the history as it is now.
    Events of one block are never on two sides of a moment, and weigh alike.

    Args:
        regularisation: the ridge term, above 0.
        half_life_items: of the past and the future around a moment.
        history_half_life_items: of the history that the model is applied to.
    """

    name = "slit"

    def __init__(self, regularisation: float, half_life_items: float, history_half_life_items: float) -> None:
        super().__init__()
        above_zero(self.name, regularisation=regularisation, half_life_items=half_life_items)
        above_zero(self.name, history_half_life_items=history_half_life_items)
        self.regularisation = regularisation
        self.half_life_items = half_life_items
        self.history_half_life_items = self.applied_half_life_items = history_half_life_items

    def parameters(self) -> dict[str, Parameter]:
        """Return the arguments that make this matcher again."""
        return {
            "regularisation": self.regularisation,
            "half_life_items": self.half_life_items,
            "history_half_life_items": self.history_half_life_items,
        }

    def fit(self, data: TrainingData) -> None:
        """Sum up past and future over all moments, and solve in float64."""
        check_dense_items(self.name, data.n_items)
        gram = np.zeros((data.n_items, data.n_items))
        after = np.zeros_like(gram)
        for past, future in self._moments(data.learned):
            gram += (past.T @ past).toarray()
            after += (past.T @ future).toarray()
        gram[np.diag_indices_from(gram)] += self.regularisation
        item_item = linalg.solve(
            gram, after, overwrite_a=True, overwrite_b=True, assume_a="pos", check_finite=False
        )
        self._keep(item_item, data)

    def _moments(self, data: TrainingData) -> Iterator[tuple[sparse.csr_matrix, sparse.csr_matrix]]:
        """Yield past and future (R, N) of the moments, some at a time."""
        block_start, block_end = block_bounds(data)
        starts = np.unique(block_start)
        user_start = np.searchsorted(data.user, data.user, side="left")
        user_end = np.searchsorted(data.user, data.user, side="right")
        moments = starts[1:][data.user[starts[1:]] == data.user[starts[1:] - 1]]
        kept = reach(self.half_life_items)
        for at in range(0, len(moments), MOMENTS_AT_ONCE):
            moment = moments[at : at + MOMENTS_AT_ONCE]
            # Whole blocks only: the one that holds the last event within reach comes in entirely.
            first = block_start[np.maximum(user_start[moment], moment - 1 - kept)]
            last = block_end[np.minimum(user_end[moment] - 1, moment + kept)]
            row, event = ranges(first, moment)
            past = self._matrix(data, row, event, moment[row] - block_end[event], len(moment))
            row, event = ranges(moment, last)
            future = self._matrix(data, row, event, block_start[event] - moment[row], len(moment))
            yield past, future

    def _matrix(
        self, data: TrainingData, row: IntArray, event: IntArray, distance: IntArray, n_rows: int
    ) -> sparse.csr_matrix:
        weight = recency_weights(distance, self.half_life_items)
        return sparse.csr_matrix((weight, (row, data.item[event])), shape=(n_rows, data.n_items))
