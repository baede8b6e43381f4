"""EASE, applied to recency-weighted histories, with what items are as side information.

Harald Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019; Jeunen et al., "Closed-Form
Models for Collaborative Filtering with Side-Information", RecSys 2020.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from tasks.arrays.vectors import centred
from tasks.matching.base import LinearMatcher, above_zero, check_dense_items, zero_or_more
from tasks.matching.contract import Parameter, TrainingData
from tasks.matching.temporal_co_occurrence import near_together


class Ease(LinearMatcher):
    """A linear item-item model with a closed form, learned from who has what, and from what items are.

    With X (U, N) binary, F (N, F) the items' features, T (N, N) how near in time users did two things
    (`near_together`), P = (X'X + nearness T + content F F' + regularisation I)^-1, and
    B[i, j] = -P[i, j] / P[j, j], B[j, j] = 0: each column of F counts as `content` users more (CEASE), and
    items of one evening as `nearness` users more. A user's scores are h B, where h (N,) holds
    0.5 ** (position back / half_life_items) for the items of the history: what one did last says more about
    what comes next. Only h knows recency, so B uses all events.

    Args:
        regularisation: the ridge term, above 0.
        half_life_items: an item this many positions back counts half; None weighs all alike, as in the paper.
        content: what an item's features weigh beside a user's events; 0 leaves them out.
        nearness: what it weighs, beside who has two items, that they came near each other in time; 0 leaves
            it out.
        near_half_life_items: things so many positions apart are half as near.
    """

    name = "ease"

    def __init__(
        self,
        regularisation: float,
        half_life_items: float | None = None,
        content: float = 0.0,
        nearness: float = 0.0,
        near_half_life_items: float = 8.0,
    ) -> None:
        super().__init__()
        above_zero(self.name, regularisation=regularisation, near_half_life_items=near_half_life_items)
        zero_or_more(self.name, content=content, nearness=nearness)
        self.regularisation = regularisation
        self.half_life_items = self.applied_half_life_items = half_life_items
        self.content = content
        self.nearness = nearness
        self.near_half_life_items = near_half_life_items

    def parameters(self) -> dict[str, Parameter]:
        """Return the arguments that make this matcher again."""
        return {
            "regularisation": self.regularisation,
            "half_life_items": self.half_life_items,
            "content": self.content,
            "nearness": self.nearness,
            "near_half_life_items": self.near_half_life_items,
        }

    def fit(self, data: TrainingData) -> None:
        """Invert the item-item matrix in float64."""
        check_dense_items(self.name, data.n_items)
        seen = data.learned.seen
        gram = (seen.T @ seen).toarray().astype(np.float64)  # (N, N)
        if self.content:
            features = item_features(data)
            gram += self.content * (features @ features.T)
        if self.nearness:
            gram += self.nearness * near_together(data.learned, self.near_half_life_items)
        gram[np.diag_indices_from(gram)] += self.regularisation
        inverse = linalg.inv(gram, overwrite_a=True, check_finite=False, assume_a="pos")
        inverse /= -np.diag(inverse)
        np.fill_diagonal(inverse, 0)
        self._keep(inverse, data)


class PlainEase(Ease):
    """The same with settings of its own: as published it forgets nothing, and fusion can use both."""

    name = "ease_plain"


def item_features(data: TrainingData) -> NDArray[np.float64]:
    """(N, C + D): categories, then centred content vectors, each of unit length; zeros for none."""
    categories = data.categories / np.sqrt(np.maximum(data.categories.sum(axis=1, keepdims=True), 1))
    return np.hstack([categories, centred(data.item_vectors)]).astype(np.float64)
