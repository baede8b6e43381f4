"""A cheap upper bound of inner products, so that an exact search need look closely at few of them.

Rotated by R, the first W coordinates of vectors carry most of their length. By Cauchy and Schwarz

    <u, t> <= <(Ru)[:W], (Rt)[:W]> + |(Ru)[W:]| |(Rt)[W:]|,

which is one inner product of W + 1 coordinates, the last one being the length of the rest. R is the principal
axes of texts and users together: users' interests are means of items and lie in few directions, so that their
rest is short even where that of a text is not.
"""

from dataclasses import dataclass

import numpy as np
import torch

from tasks.matching.contract import FloatArray

WIDTH_STEP = 16
SAMPLED_TEXTS = 16_384
SAMPLED_QUERIES = 4096
CHECKED_QUERIES = 128  # at most every second of the sampled: axes are fitted on the others
# Float32 sums of D terms are wrong by at most D * 2**-24 of the vectors' lengths (Higham, "Accuracy and
# Stability of Numerical Algorithms", 2002, chapter 3). The bound is a rotation, a product and a length away.
ROUNDINGS = 4


@dataclass(frozen=True)
class Costs:
    """What choosing a width counts with, in coordinates of one text's product.

    Args:
        comparing: the reduction and the comparison of a product.
        looking: a text that must be looked at closely, a dimension: its vector comes from memory.
    """

    comparing: float
    looking: float


COSTS = {torch.float32: Costs(12, 22), torch.bfloat16: Costs(24, 88)}  # by the format of products


@dataclass(frozen=True, eq=False)
class Bound:
    """A rotation that leaves most length in front.

    Args:
        axes: (D, W + 1) float32, orthonormal columns and one of zeros, where the length of the rest goes;
            None when every coordinate is needed, rotated or not.
        margin: what rounding can take from a bound of vectors of length 1.
    """

    axes: FloatArray | None
    margin: float

    def shortened(self, vectors: FloatArray) -> FloatArray:
        """Return (..., W + 1) float32 of (..., D): the leading coordinates, and the length of the rest."""
        if self.axes is None:
            return vectors
        out = vectors @ self.axes
        squares = np.einsum("...d,...d->...", vectors, vectors)
        rest = squares - np.einsum("...w,...w->...", out, out)
        # The difference of two like sums is uncertain by their rounding: the rest is taken at its longest.
        out[..., -1] = np.sqrt(np.maximum(rest, 0) + self.margin * squares)
        return out


def choose_bound(
    texts: FloatArray, queries: FloatArray, m: int, n_items: int, costs: Costs = COSTS[torch.float32]
) -> Bound:
    """Choose the axes, and how many coordinates make search for the best m of N items cheapest.

    It looks at texts (S, K, D) of some of the items, and at some of the queries to come, (Q, D).
    """
    n_dimensions = texts.shape[2]
    margin = float(ROUNDINGS * n_dimensions * 2.0**-24)
    whole = Bound(None, margin)
    every = max(2, len(queries) // CHECKED_QUERIES)
    checked, fitted = queries[::every], np.delete(queries, np.s_[::every], axis=0)
    if not len(fitted) or len(texts) < 2:
        return whole
    flat = texts.reshape(-1, n_dimensions)
    spread = flat.T @ flat / len(flat) + fitted.T @ fitted / len(fitted)
    axes = np.linalg.eigh(spread.astype(np.float64))[1][:, ::-1].astype(np.float32)
    rotated, asked = flat @ axes, checked @ axes
    exact = (asked @ rotated.T).reshape(len(asked), len(texts), -1).max(axis=2)  # (Q, S)
    # The place of the m-th of N among S; twice that, since most of a search runs with fewer seen than N.
    place = min(len(texts) - 1, -(-2 * m * len(texts) // n_items))
    least = -np.partition(-exact, place, axis=1)[:, place, None]  # (Q, 1)
    best, chosen = float(n_dimensions + costs.comparing), n_dimensions
    partial = np.zeros((len(asked), len(flat)), dtype=np.float32)
    for width in range(WIDTH_STEP, n_dimensions, WIDTH_STEP):
        new = slice(width - WIDTH_STEP, width)
        partial += asked[:, new] @ rotated[:, new].T
        if width + 1 + costs.comparing >= best:
            break
        rests = np.linalg.norm(rotated[:, width:], axis=1)
        looked_at = np.mean(partial + np.linalg.norm(asked[:, width:], axis=1)[:, None] * rests >= least)
        cost = width + 1 + costs.comparing + costs.looking * n_dimensions * float(looked_at)
        if cost < best:
            best, chosen = cost, width
    if chosen == n_dimensions:
        return whole
    return Bound(np.pad(axes[:, :chosen], ((0, 0), (0, 1))), margin)


def sample_of(texts: FloatArray, queries: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return texts of some items (S, K, D), and some queries (Q, D) that are not zero."""
    some = np.ascontiguousarray(texts[:: -(-len(texts) * texts.shape[1] // SAMPLED_TEXTS)])
    asked = queries[:: -(-len(queries) // SAMPLED_QUERIES)] if len(queries) else queries
    asked = asked.reshape(-1, texts.shape[2])
    asked = asked[np.any(asked != 0, axis=1)]
    return some, asked[:: -(-len(asked) // SAMPLED_QUERIES)] if len(asked) else asked
