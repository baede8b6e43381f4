"""A learned map from content to collaborative factors: what EASE would say of an item nobody has seen yet.

Gantner et al., "Learning Attribute-to-Feature Mappings for Cold-Start Recommendations", ICDM 2010, with the
closed form of Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, in the place of
matrix factors.
"""

import numpy as np
from scipy import linalg

from tasks.matching.base import LinearMatcher, check_dense_items
from tasks.matching.contract import FloatArray, TrainingData
from tasks.matching.ease import Ease
from tasks.matching.whitening import content_vectors
from tasks.settings.matchers import EaseSettings, FactorMapSettings


class FactorMap(LinearMatcher[FactorMapSettings]):
    """EASE whose columns are predicted from content.

    The factors of an item are its column of EASE's item-item matrix: what each item of a history says about
    it. They are regressed on content by kernel ridge regression over the items with events, with the kernel
    exp(-width (1 - cosine)). Warm and cold items are scored by predicted columns alike, so that a cold item
    stands on one scale with all others.
    """

    name = "factor_map"
    reads_texts = True

    def fit(self, data: TrainingData) -> None:
        """Fit EASE, then the regression of its columns on content."""
        check_dense_items(self.name, data.n_items)
        settings = self.settings
        ease = Ease(
            EaseSettings(
                regularisation=settings.regularisation, half_life_items=None, side_information_weight=0
            )
        )
        ease.fit(data)
        content = content_vectors(data, settings.text_share)
        described = np.any(content != 0, axis=1)
        warm = np.flatnonzero(described & (np.bincount(data.learned.item, minlength=data.n_items) > 0))
        columns = predicted_columns(content, warm, ease.item_item[:, warm], settings.ridge, settings.width)
        columns[:, ~described] = 0  # nothing is known of it: 0 is what EASE gives to an item without events
        self._keep(data, item_item=columns)


def predicted_columns(
    content: FloatArray, known: np.ndarray, columns: FloatArray, ridge: float, width: float
) -> FloatArray:
    """(H, N) float32: columns for every item, by kernel ridge regression on those of the known items.

    `content` (N, D) is of unit length, `known` (W,) holds codes, `columns` is (H, W).
    """
    if not len(known):
        return np.zeros((len(columns), len(content)), dtype=np.float32)
    kernel = np.exp(width * (content @ content[known].T - 1)).astype(np.float64)  # (N, W)
    own = kernel[known]
    own[np.diag_indices_from(own)] += ridge
    weights = linalg.solve(own, columns.T.astype(np.float64), assume_a="pos", check_finite=False)  # (W, H)
    return (kernel @ weights).T.astype(np.float32)
