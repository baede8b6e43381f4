"""SLIT: a linear model of what comes after what.

Choi et al., "Session-aware Linear Item-Item Models for Session-based Recommendation", WWW 2021.
"""

from collections.abc import Iterator

import numpy as np
from scipy import linalg, sparse

from tasks.arrays.recency import reach, recency_weights
from tasks.matching.base import LinearMatcher, check_dense_items
from tasks.matching.contract import IntArray, TrainingData
from tasks.matching.training_prefixes import block_bounds, ranges
from tasks.settings.matchers import SlitSettings

PREFIXES_AT_ONCE = 4096


class Slit(LinearMatcher[SlitSettings]):
    """A ridge regression from the recent past to the near future, over all training prefixes.

    A training prefix is what a user had done up to the end of a block of events. With S (prefixes, N) its
    items, one `position` events back weighing 0.5 ** (position / half_life_items), and T the items after it,
    weighed in the same way, B = (S'S + regularisation I)^-1 S'T. Scores are h B, h being the history as it is
    now. Events of one block are all in the prefix or all after it, and weigh alike.
    """

    name = "slit"
    when_applied = frozenset({"history_half_life_items"})

    @property
    def applied_half_life_items(self) -> float | None:
        """An item this many positions back weighs half in the history that the model is applied to."""
        return self.settings.history_half_life_items

    def fit(self, data: TrainingData) -> None:
        """Sum up past and future over all training prefixes, and solve in float64."""
        check_dense_items(self.name, data.n_items)
        gram = np.zeros((data.n_items, data.n_items))
        after = np.zeros_like(gram)
        for past, future in self._prefixes(data.learned):
            gram += (past.T @ past).toarray()
            after += (past.T @ future).toarray()
        gram[np.diag_indices_from(gram)] += self.settings.regularisation
        item_item = linalg.solve(
            gram, after, overwrite_a=True, overwrite_b=True, assume_a="pos", check_finite=False
        )
        self._keep(data, item_item=item_item.astype(np.float32))

    def _prefixes(self, data: TrainingData) -> Iterator[tuple[sparse.csr_matrix, sparse.csr_matrix]]:
        """Yield past and future (R, N) of some training prefixes at a time."""
        block_start, block_end = block_bounds(data)
        starts = np.unique(block_start)
        user_start = np.searchsorted(data.user, data.user, side="left")
        user_end = np.searchsorted(data.user, data.user, side="right")
        ends = starts[1:][data.user[starts[1:]] == data.user[starts[1:] - 1]]
        kept = reach(self.settings.half_life_items)
        for at in range(0, len(ends), PREFIXES_AT_ONCE):
            end = ends[at : at + PREFIXES_AT_ONCE]
            # Whole blocks only: the one that holds the last event within reach comes in entirely.
            first = block_start[np.maximum(user_start[end], end - 1 - kept)]
            last = block_end[np.minimum(user_end[end] - 1, end + kept)]
            row, event = ranges(first, end)
            past = self._matrix(data, row, event, end[row] - block_end[event], len(end))
            row, event = ranges(end, last)
            future = self._matrix(data, row, event, block_start[event] - end[row], len(end))
            yield past, future

    def _matrix(
        self, data: TrainingData, row: IntArray, event: IntArray, distance: IntArray, n_rows: int
    ) -> sparse.csr_matrix:
        weight = recency_weights(distance, self.settings.half_life_items)
        return sparse.csr_matrix((weight, (row, data.item[event])), shape=(n_rows, data.n_items))
