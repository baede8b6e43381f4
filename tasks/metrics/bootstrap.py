"""How sure a figure is: 95% percentile intervals by bootstrap over users (Efron & Tibshirani 1993).

Everywhere, U users are drawn with replacement `resamples` times; the same `seed` draws the same users.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.arrays.types import Floats
from tasks.metrics.ranking import shape_of

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


class Spread(NamedTuple):
    """A metric of all lists together, and what it is for resampled users.

    A resample has only 63% distinct users, so its coverage is lower than that of all users. Intervals are
    therefore moved by the difference of the resamples' mean from the figure: they keep the spread only.
    """

    value: float
    drawn: Floats
    """(R,)"""

    @property
    def interval(self) -> Interval:
        """The figure with its interval."""
        low, high = np.percentile(self.drawn, PERCENTILES) + (self.value - self.drawn.mean())
        return Interval(self.value, float(low), float(high))

    def minus(self, other: "Spread") -> Difference:
        """How far this is above another, the same users drawn for both."""
        return Difference(*Spread(self.value - other.value, self.drawn - other.drawn).interval)


def bootstrap_mean(values: Floats, resamples: int = 2000, seed: int = 0) -> Interval:
    """Mean of (U,) values over users, NaN left out, with its interval."""
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


def paired_difference(a: Floats, b: Floats, resamples: int = 2000, seed: int = 0) -> Difference:
    """Mean of (U,) a - b over the users for whom both are defined: users are drawn, pairs stay together."""
    if a.shape != b.shape:
        raise ValueError(
            f"values have shapes {a.shape} and {b.shape}; compare on the same users, in one order"
        )
    return Difference(*bootstrap_mean(a - b, resamples, seed))


def bootstrap_means(values: Floats, resamples: int = 2000, seed: int = 0) -> NDArray[np.float64]:
    """(M, 3): mean of each column of (U, M) values, NaN left out, with its interval.

    All columns see the same drawn users, so that hundreds of metrics cost little more than one. Differences
    of two models go in as they are, which makes their intervals paired. A column without a value is NaN.
    """
    n_users, n_columns = values.shape
    defined = ~np.isnan(values)
    filled = np.where(defined, values, 0.0)
    if not n_users:
        return np.full((n_columns, 3), np.nan)
    # Where all columns are defined for the same users, they are counted once.
    patterns, of_column = np.unique(defined, axis=1, return_inverse=True)
    generator = np.random.default_rng(seed)
    means = np.empty((resamples, n_columns))
    block = max(1, BLOCK_CELLS // max(n_users, n_columns))
    for start in range(0, resamples, block):
        stop = min(start + block, resamples)
        times = generator.multinomial(n_users, np.full(n_users, 1 / n_users), size=stop - start)  # (R, U)
        drawn = times.astype(np.float64)
        count = (drawn @ patterns)[:, of_column]
        total = drawn @ filled
        means[start:stop] = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    out = np.full((n_columns, 3), np.nan)
    there = np.flatnonzero(defined.any(axis=0))
    out[there, 0] = filled[:, there].sum(axis=0) / defined[:, there].sum(axis=0)
    out[there, 1:] = np.nanpercentile(means[:, there], PERCENTILES, axis=0).T
    return out


def paired_exposure_difference(
    a: csr_array, b: csr_array, statistic: Callable[[Floats], Floats], resamples: int = 2000, seed: int = 0
) -> Difference:
    """statistic(a) - statistic(b), the same users drawn for both; the interval as in `Spread`."""
    if a.shape != b.shape:
        raise ValueError(
            f"exposures have shapes {a.shape} and {b.shape}; compare on the same users and items"
        )
    of_a, of_b = (spread_of(one, {"": statistic}, resamples, seed)[""] for one in (a, b))
    return of_a.minus(of_b)


def spread_of(
    exposure: csr_array,
    statistics: Mapping[str, Callable[[Floats], Floats]],
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Spread]:
    """Several metrics of all lists together, over the same drawn users, whatever the model.

    `exposure` (U, N) counts items in lists; statistics take counts (R, N) and give (R,).
    """
    n_users, n_items = shape_of(exposure)
    shown = exposure.sum(axis=0)
    value = {name: float(statistic(shown)) for name, statistic in statistics.items()}
    generator = np.random.default_rng(seed)
    by_item = exposure.T.tocsr()  # (N, U)
    drawn = {name: np.empty(resamples) for name in statistics}
    block = max(1, BLOCK_CELLS // max(n_users, n_items))
    for start in range(0, resamples, block):
        stop = min(start + block, resamples)
        times = generator.multinomial(n_users, np.full(n_users, 1 / n_users), size=stop - start)  # (R, U)
        counts = np.ascontiguousarray((by_item @ times.T.astype(np.float64)).T)  # (R, N)
        for name, statistic in statistics.items():
            drawn[name][start:stop] = statistic(counts)
    return {name: Spread(value[name], drawn[name]) for name in statistics}
