"""How lists use the catalogue: metrics of how often each item is shown to anyone.

Every function takes counts (..., N) and reduces the last axis, so that resampled counts (R, N) give (R,).
"""

import numpy as np
from scipy.sparse import csr_array

from tasks.arrays.types import Codes, Flags, Floats


def exposure_matrix(items: Codes, n_items: int, shown: Flags | None = None) -> csr_array:
    """(U, N) float64: out[u, n] = times item n is in u's list, or in its `shown` places (U, k) only."""
    places = items >= 0 if shown is None else (items >= 0) & shown
    users = np.nonzero(places)[0]
    return csr_array((np.ones(len(users)), (users, items[places])), shape=(len(items), n_items))


def coverage(counts: Floats) -> Floats:
    """Distinct items shown / items in the catalogue. Over hits only, it is the hit coverage.

    >>> float(coverage(np.array([3, 0, 1, 0])))
    0.5
    """
    return np.asarray((counts > 0).mean(axis=-1))


def gini(counts: Floats) -> Floats:
    """Gini index of the exposure over the whole catalogue: 0 even, near 1 when few items get everything.

    sum over i of (2 i - N - 1) x_i / (N sum x), with x ascending and i from 1; 0 when nothing is shown.

    >>> float(gini(np.array([0, 0, 0, 4])))
    0.75
    """
    n_items = counts.shape[-1]
    ascending = np.sort(counts, axis=-1)
    place = 2 * np.arange(1, n_items + 1) - n_items - 1
    total = counts.sum(axis=-1)
    spread = (ascending * place).sum(axis=-1)
    return np.divide(spread, n_items * total, out=np.zeros(np.shape(total)), where=total > 0)


def effective_catalogue(counts: Floats) -> Floats:
    """exp(entropy of the exposure shares) / items in the catalogue; 0 when nothing is shown.

    It is the share of the catalogue that would be used if what is used were used evenly.

    >>> float(effective_catalogue(np.array([5, 5, 0, 0])))
    0.5
    """
    total = counts.sum(axis=-1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    logarithm = np.log(share, out=np.zeros(share.shape), where=share > 0)
    entropy = -(share * logarithm).sum(axis=-1)
    return np.where(total[..., 0] > 0, np.exp(entropy) / counts.shape[-1], 0.0)
