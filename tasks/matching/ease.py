"""EASE, applied to recency-weighted histories, with what items are as side information.

Harald Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019; Jeunen et al., "Closed-Form
Models for Collaborative Filtering with Side-Information", RecSys 2020.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from tasks.arrays.vectors import centred
from tasks.matching.base import LinearMatcher, check_dense_items
from tasks.matching.contract import TrainingData
from tasks.matching.temporal_co_occurrence import co_occurrences
from tasks.settings.matchers import EaseSettings


class Ease(LinearMatcher[EaseSettings]):
    """A linear item-item model with a closed form, learned from who has what, and from what items are.

    With X (U, N) binary, F (N, F) the items' features, T (N, N) their `co_occurrences` in time, and w and t
    the weights `side_information_weight` and `temporal_co_occurrence` of the settings,
    P = (X'X + t T + w F F' + regularisation I)^-1, and B[i, j] = -P[i, j] / P[j, j], B[j, j] = 0: each column
    of F counts as w users more (CEASE). A user's scores are h B, where h (N,) holds
    0.5 ** (position back / half_life_items) for the items of the history: what one did last says more about
    what comes next. Only h knows recency, so B uses all events.
    """

    name = "ease"

    def fit(self, data: TrainingData) -> None:
        """Invert the item-item matrix in float64."""
        check_dense_items(self.name, data.n_items)
        settings, seen = self.settings, data.learned.seen
        gram = (seen.T @ seen).toarray().astype(np.float64)  # (N, N)
        if settings.side_information_weight:
            features = item_features(data)
            gram += settings.side_information_weight * (features @ features.T)
        if settings.temporal_co_occurrence:
            together = co_occurrences(data.learned, settings.co_occurrence_half_life_items)
            gram += settings.temporal_co_occurrence * together
        gram[np.diag_indices_from(gram)] += settings.regularisation
        inverse = linalg.inv(gram, overwrite_a=True, check_finite=False, assume_a="pos")
        inverse /= -np.diag(inverse)
        np.fill_diagonal(inverse, 0)
        self._keep(data, item_item=inverse.astype(np.float32))


def item_features(data: TrainingData) -> NDArray[np.float64]:
    """(N, C + D): categories, then centred content vectors, each of unit length; zeros for none."""
    categories = data.categories / np.sqrt(np.maximum(data.categories.sum(axis=1, keepdims=True), 1))
    return np.hstack([categories, centred(data.item_vectors)]).astype(np.float64)
