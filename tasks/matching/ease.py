"""EASE, applied to recency-weighted histories.

Harald Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.
"""

import numpy as np
from scipy import linalg

from tasks.matching.base import LinearMatcher, check_dense_items
from tasks.matching.contract import Parameter, TrainingData


class Ease(LinearMatcher):
    """A linear item-item model with a closed form, learned from who has what.

    With X (U, N) binary, P = (X'X + regularisation I)^-1 and B[i, j] = -P[i, j] / P[j, j], B[j, j] = 0. A
    user's scores are h B, where h (N,) holds 0.5 ** (position back / half_life_items) for the items of the
    history: what one did last says more about what comes next. Only h knows recency, so B uses all events.

    Args:
        regularisation: the ridge term, above 0.
        half_life_items: an item this many positions back counts half; None weighs all alike, as in the paper.
    """

    name = "ease"

    def __init__(self, regularisation: float, half_life_items: float | None = None) -> None:
        super().__init__()
        if not regularisation > 0:
            raise ValueError(
                f"regularisation must be above 0, got {regularisation}; set it in [matching.ease]"
            )
        self.regularisation = regularisation
        self.half_life_items = self.applied_half_life_items = half_life_items

    def parameters(self) -> dict[str, Parameter]:
        """Return the arguments that make this matcher again."""
        return {"regularisation": self.regularisation, "half_life_items": self.half_life_items}

    def fit(self, data: TrainingData) -> None:
        """Invert the item-item matrix in float64."""
        check_dense_items(self.name, data.n_items)
        seen = data.learned.seen
        gram = (seen.T @ seen).toarray().astype(np.float64)  # (N, N)
        gram[np.diag_indices_from(gram)] += self.regularisation
        inverse = linalg.inv(gram, overwrite_a=True, check_finite=False, assume_a="pos")
        inverse /= -np.diag(inverse)
        np.fill_diagonal(inverse, 0)
        self._keep(inverse, data)
