"""The fused score, and how much of it each matcher gave."""

import numpy as np

from tasks.arrays.types import Floats


def contributions(normalised: Floats, weights: Floats) -> Floats:
    """(U, C, M): out[u, c, m] = weights[m] * normalised[u, c, m]; they add up to the fused score.

    Args:
        normalised: (U, C, M).
        weights: (M,).
    """
    return normalised * weights


def fused_scores(normalised: Floats, weights: Floats) -> Floats:
    """(U, C): the weighted sum over matchers.

    Args:
        normalised: (U, C, M).
        weights: (M,).
    """
    # einsum without BLAS: the sum over M has one order, whatever the number of threads.
    return np.einsum("ucm,m->uc", normalised, weights, optimize=False)
