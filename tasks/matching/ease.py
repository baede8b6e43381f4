"""EASE, applied to recency-weighted histories, with what items are as side information.

Harald Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019; Jeunen et al., "Closed-Form
Models for Collaborative Filtering with Side-Information", RecSys 2020.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from tasks.arrays.recency import reach, recency_weights
from tasks.arrays.vectors import centred
from tasks.matching.base import LinearMatcher, check_dense_items
from tasks.matching.training_data import TrainingData, newest_of_each
from tasks.matching.training_prefixes import ranges
from tasks.settings.matchers import EaseSettings

PAIRS_AT_ONCE = 2_000_000


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


def co_occurrences(data: TrainingData, half_life_items: float) -> NDArray[np.float64]:
    """(N, N) symmetric: out[i, j] is the sum over users of 0.5 ** (d / half_life_items).

    d is the number of positions between a user's events with i and j; of repeated events the newest counts.
    Events of one time count as one user, so out[i, i] is how many users have item i, and an endless half-life
    would give X'X. The cost grows with events, not with the square of a history's length.
    """
    out = np.zeros(data.n_items * data.n_items)
    kept = newest_of_each(data.user * data.n_items + data.item)
    user, item, back = data.user[kept], data.item[kept], data.position_back[kept]
    far = reach(half_life_items)
    # Ascends, and users lie too far apart to meet.
    place = user * (2 * far + int(back.max(initial=0)) + 1) - back
    first = np.searchsorted(place, place - far, side="left")
    last = np.searchsorted(place, place + far, side="right")
    pairs = np.concatenate([[0], np.cumsum(last - first)])
    start = 0
    while start < len(place):
        stop = int(np.searchsorted(pairs, pairs[start] + PAIRS_AT_ONCE, side="right")) - 1
        stop = max(stop, start + 1)
        row, event = ranges(first[start:stop], last[start:stop])
        row += start
        weight = recency_weights(np.abs(place[row] - place[event]), half_life_items)
        np.add.at(out, item[row] * data.n_items + item[event], weight)
        start = stop
    return out.reshape(data.n_items, data.n_items)
