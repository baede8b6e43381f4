"""How sure a figure is: 95% intervals by bootstrap over users (Efron & Tibshirani 1993).

Those of a mean over users are in tasks/metrics/bootstrap.py, since fusion decides by them too.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.metrics.bootstrap import (
    BLOCK_CELLS,
    PERCENTILES,
    Difference,
    Interval,
    bootstrap_mean,
    paired_difference,
)
from tasks.metrics.ranking import Floats, shape_of

__all__ = [
    "Difference",
    "Interval",
    "Spread",
    "bootstrap_exposure",
    "bootstrap_mean",
    "bootstrap_means",
    "paired_difference",
    "paired_exposure_difference",
    "spread_of",
]


class Spread(NamedTuple):
    """A measure over all lists together, and what it is for resampled users.

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


def bootstrap_means(values: Floats, resamples: int = 2000, seed: int = 0) -> NDArray[np.float64]:
    """(M, 3): mean of each column of (U, M) values, NaN left out, with its percentile interval.

    All columns see the same drawn users, so that hundreds of metrics cost little more than one. Differences
    of two models go in as they are, which makes their intervals paired. A column without a value is NaN.

    Args:
        values: one row a user.
        resamples: how many times U users are drawn with replacement.
        seed: the same seed draws the same users.
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


def bootstrap_exposure(
    exposure: csr_array, statistic: Callable[[Floats], Floats], resamples: int = 2000, seed: int = 0
) -> Interval:
    """A measure over all lists together, such as coverage, with its interval.

    Args:
        exposure: (U, N) times an item is in a user's list.
        statistic: counts (R, N) to (R,), from tasks.metrics.exposure.
        resamples: how many times U users are drawn with replacement.
        seed: the same seed draws the same users.
    """
    return spread_of(exposure, {"": statistic}, resamples, seed)[""].interval


def paired_exposure_difference(
    a: csr_array, b: csr_array, statistic: Callable[[Floats], Floats], resamples: int = 2000, seed: int = 0
) -> Difference:
    """statistic(a) - statistic(b), the same users drawn for both; the interval as in bootstrap_exposure."""
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
    """Several measures over all lists together, of the same drawn users: drawing costs more than measuring.

    Args:
        exposure: (U, N) times an item is in a user's list.
        statistics: name to a function of counts (R, N) to (R,), from tasks.metrics.exposure.
        resamples: how many times U users are drawn with replacement.
        seed: the same seed draws the same users, whatever the model.
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
