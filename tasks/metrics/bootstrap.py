"""How sure a mean over users is: 95% intervals by bootstrap over users (Efron & Tibshirani 1993).

Stages do not import one another: evaluation reports with these, and fusion decides by them which model is
published.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_CELLS = 2**22  # cells of one block of resamples: 32 MB
PERCENTILES = (2.5, 97.5)


class Interval(NamedTuple):
    """A figure with its 95% interval."""

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """How much a is above b on the same users, with its 95% interval."""

    difference: float
    low: float
    high: float

    @property
    def better(self) -> bool:
        """Whether a is better than b: the whole interval is above zero."""
        return self.low > 0


def bootstrap_mean(values: NDArray[np.float64], resamples: int = 2000, seed: int = 0) -> Interval:
    """Mean of (U,) values over users, NaN left out, with its percentile interval.

    Args:
        values: one value a user.
        resamples: how many times U users are drawn with replacement.
        seed: the same seed gives the same interval.
    """
    defined = values[~np.isnan(values)]
    if defined.size == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    block = max(1, BLOCK_CELLS // defined.size)
    for start in range(0, resamples, block):
        stop = min(start + block, resamples)
        drawn = generator.integers(defined.size, size=(stop - start, defined.size))
        means[start:stop] = defined[drawn].mean(axis=1)
    low, high = np.percentile(means, PERCENTILES)
    return Interval(float(defined.mean()), float(low), float(high))


def paired_difference(
    a: NDArray[np.float64], b: NDArray[np.float64], resamples: int = 2000, seed: int = 0
) -> Difference:
    """Mean of a - b over the users for whom both are defined: users are resampled, pairs stay together.

    Args:
        a: (U,) values of the one model.
        b: (U,) values of the other, of the same users in the same order.
        resamples: how many times U users are drawn with replacement.
        seed: the same seed gives the same interval.
    """
    if a.shape != b.shape:
        raise ValueError(
            f"values have shapes {a.shape} and {b.shape}; compare on the same users, in one order"
        )
    return Difference(*bootstrap_mean(a - b, resamples, seed))
