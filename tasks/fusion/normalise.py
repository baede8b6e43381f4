"""One scale for all matchers: what a score means among the user's own candidates."""

import numpy as np
from numpy.typing import NDArray

from tasks.measures import Flags, Floats


def zscore(scores: NDArray[np.floating], present: Flags) -> Floats:
    """(U, C, M) float64: (score - mean) / standard deviation over a user's candidates, for each matcher.

    0 where there is no item, and for a matcher that gives all of a user's candidates the same score.

    Args:
        scores: (U, C, M).
        present: (U, C), whether there is an item.
    """
    weight = present[:, :, None]  # (U, C, 1)
    n = np.maximum(present.sum(axis=1), 1)[:, None, None]  # (U, 1, 1)
    values = np.where(weight, scores.astype(np.float64), 0.0)
    centred = np.where(weight, values - values.sum(axis=1, keepdims=True) / n, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=1, keepdims=True) / n)  # (U, 1, M)
    # Equal float32 scores differ from their float64 mean by rounding only: that is not a deviation.
    rounding = 1e-9 * np.abs(values).max(axis=1, keepdims=True, initial=0.0)
    return np.divide(centred, deviation, out=np.zeros(scores.shape), where=deviation > rounding)
