"""What vectors say of an item's texts: how far apart they are, and whether each leads back to the item."""

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.types import Codes, Floats, Vectors

BLOCK = 1024  # texts compared with all items at once


def distances(vectors: Vectors, owners: Codes) -> Floats:
    """(T,) mean cosine distance of a text to the other texts of its item; NaN where there are none.

    1 - cosine of vectors (T, D) of unit length, whose items are the codes `owners` (T,). Its mean over an
    item's texts is the mean over the pairs of them.

    >>> distances(np.eye(3, dtype=np.float32)[[0, 1, 1, 2]], np.array([0, 0, 0, 1])).tolist()
    [1.0, 0.5, 0.5, nan]
    """
    n_items = int(owners.max(initial=-1)) + 1
    sums = np.zeros((n_items, vectors.shape[1]))
    np.add.at(sums, owners, vectors)
    others = np.bincount(owners, minlength=n_items)[owners] - 1
    own = np.einsum("td,td->t", vectors, vectors, dtype=np.float64)
    cosines = np.einsum("td,td->t", vectors, sums[owners]) - own  # with all others
    shared = np.divide(cosines, others, out=np.full(len(vectors), np.nan), where=others > 0)
    return 1.0 - shared


def item_ranks(vectors: Vectors, items: Vectors, owners: Codes) -> NDArray[np.int64]:
    """(T,) rank of a text's own item among all items by cosine to the text, from 1; ties count against it.

    Vectors (T, D) of texts and (N, D) of items have unit length; `owners` (T,) are codes of items.

    >>> item_ranks(np.float32([[0.8, 0.6]]), np.eye(2, dtype=np.float32), np.array([1])).tolist()
    [2]
    """
    ranks = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), BLOCK):
        block = slice(start, start + BLOCK)
        cosines = vectors[block] @ items.T  # (B, N)
        own = np.take_along_axis(cosines, owners[block, None], axis=1)
        ranks[block] = (cosines >= own).sum(axis=1)
    return ranks
