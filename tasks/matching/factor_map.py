"""A learned map from content to collaborative factors: what EASE would say of an item nobody has seen yet.

Gantner et al., "Learning Attribute-to-Feature Mappings for Cold-Start Recommendations", ICDM 2010, with the
closed form of Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, in the place of
matrix factors.
"""

import numpy as np
from scipy import linalg

from tasks.matching.base import LinearMatcher, above_zero, check_dense_items
from tasks.matching.content_vectors import check_text_share, content_vectors
from tasks.matching.contract import FloatArray, Parameter, TrainingData
from tasks.matching.ease import Ease


class FactorMap(LinearMatcher):
    """EASE whose columns are foretold from content.

    The factors of an item are its column of EASE's item-item matrix: what each item of a history says about
    it. They are regressed on content by kernel ridge regression over the items with events, with the kernel
    exp(-width (1 - cosine)). Warm and cold items are scored by foretold columns alike, so that a cold item
    stands on one scale with all others.

    Args:
        regularisation: lambda of EASE.
        ridge: what holds the regression back, above 0.
        width: of the kernel, above 0; the higher, the nearer an item must be to count.
        text_share: of a cosine, the part of the texts; the rest is that of items' own vectors.
        half_life_items: an item this many positions back counts half in the history that is applied.
    """

    name = "factor_map"
    reads_texts = True

    def __init__(
        self,
        regularisation: float,
        ridge: float = 1.0,
        width: float = 3.0,
        text_share: float = 0.5,
        half_life_items: float | None = None,
    ) -> None:
        super().__init__()
        above_zero(self.name, regularisation=regularisation, ridge=ridge, width=width)
        self.regularisation = regularisation
        self.ridge = ridge
        self.width = width
        self.text_share = check_text_share(text_share, "factor_map")
        self.half_life_items = self.applied_half_life_items = half_life_items

    def parameters(self) -> dict[str, Parameter]:
        """Return the arguments that make this matcher again."""
        return {
            "regularisation": self.regularisation,
            "ridge": self.ridge,
            "width": self.width,
            "text_share": self.text_share,
            "half_life_items": self.half_life_items,
        }

    def fit(self, data: TrainingData) -> None:
        """Fit EASE, then the regression of its columns on content."""
        check_dense_items(self.name, data.n_items)
        ease = Ease(self.regularisation)
        ease.fit(data)
        content = content_vectors(data, self.text_share)
        described = np.any(content != 0, axis=1)
        warm = np.flatnonzero(described & (np.bincount(data.learned.item, minlength=data.n_items) > 0))
        columns = foretold(content, warm, ease.item_item[:, warm], self.ridge, self.width)
        columns[:, ~described] = 0  # nothing is known of it: 0 is what EASE gives to an item without events
        self._keep(columns, data)


def foretold(
    content: FloatArray, known: np.ndarray, columns: FloatArray, ridge: float, width: float
) -> FloatArray:
    """(H, N) float32: columns for every item, by kernel ridge regression on those of the known items.

    Args:
        content: (N, D) of unit length.
        known: (W,) codes.
        columns: (H, W), those of the known items.
        ridge: added to the kernel's diagonal.
        width: of the kernel.
    """
    if not len(known):
        return np.zeros((len(columns), len(content)), dtype=np.float32)
    kernel = np.exp(width * (content @ content[known].T - 1)).astype(np.float64)  # (N, W)
    own = kernel[known]
    own[np.diag_indices_from(own)] += ridge
    weights = linalg.solve(own, columns.T.astype(np.float64), assume_a="pos", check_finite=False)  # (W, H)
    return (kernel @ weights).T.astype(np.float32)
