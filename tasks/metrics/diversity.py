"""What is in a list beside hits: diversity, novelty, fit to the history's categories, serendipity."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial.distance import jensenshannon

from tasks.arrays.types import Codes, Flags, Floats
from tasks.metrics.ranking import contains, shape_of

MOST_SIMILAR = 10
BLOCK_CELLS = 2**22  # cells of one (users, N) block: 32 MB


def ild(items: Codes, categories: Flags) -> Floats:
    """(U,) intra-list diversity: mean of 1 - Jaccard of category sets over the pairs of a list.

    Two items without any category count as equal. A list of fewer than two items has no pairs: NaN.

    >>> ild(np.array([[0, 1]]), np.array([[True, True], [True, False]]))
    array([0.5])

    Args:
        items: (U, k) codes.
        categories: (N, C), the category set of each item.
    """
    present = items >= 0
    padded = np.vstack([categories, np.zeros((1, categories.shape[1]), dtype=bool)])  # row -1: no item
    chosen = padded[items].astype(np.float32)  # (U, k, C)
    # (U, k, k) whole numbers: exact in float32
    shared = (chosen @ chosen.transpose(0, 2, 1)).astype(np.float64)
    size = chosen.sum(axis=2)
    union = size[:, :, None] + size[:, None, :] - shared
    distance = 1.0 - np.divide(shared, union, out=np.ones(union.shape), where=union > 0)
    return mean_over_pairs(distance, present)


def ild_embedding(items: Codes, vectors: NDArray[np.float32]) -> Floats:
    """(U,) mean of 1 - cosine over the pairs of a list; NaN for a list of fewer than two items.

    Args:
        items: (U, k) codes.
        vectors: (N, D) of unit length up to float32's rounding; zeros where an item has none.
    """
    exact = vectors.astype(np.float64)
    exact /= np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-12)
    block = max(1, BLOCK_CELLS // max(items.shape[1] * exact.shape[1], 1))
    out = np.empty(len(items))
    for start in range(0, len(items), block):
        some = items[start : start + block]
        chosen = exact[some]  # (B, k, D); what row -1 gives is masked below
        cosine = chosen @ chosen.transpose(0, 2, 1)  # (B, k, k)
        out[start : start + block] = mean_over_pairs(1.0 - cosine, some >= 0)
    return out


def novelty(items: Codes, history: csr_array) -> Floats:
    """(U,) mean over a list of -log2(share of training users who have the item); NaN for an empty list.

    An item that no training user has counts as if one had it: the surprise stays finite.

    Args:
        items: (U, k) codes.
        history: (H, N) training events of all H training users.
    """
    n_users, n_items = shape_of(history)
    users_with = np.bincount(history.indices, minlength=n_items)
    surprise = -np.log2(np.maximum(users_with, 1) / n_users)  # (N,)
    present = items >= 0
    length = present.sum(axis=1)
    total = np.where(present, surprise[items], 0.0).sum(axis=1)
    return np.divide(total, length, out=np.full(len(items), np.nan), where=length > 0)


def calibration(items: Codes, history: csr_array, categories: Flags) -> Floats:
    """(U,) Jensen-Shannon distance of the list's category shares from the history's (Steck 2018).

    Base 2: 0 is the same taste, 1 nothing in common. An item gives equal shares to each of its categories.
    NaN when list or history has no category at all.

    Args:
        items: (U, k) codes.
        history: (U, N) the users' own training events.
        categories: (N, C).
    """
    shares = category_shares(categories)
    padded = np.vstack([shares, np.zeros((1, shares.shape[1]))])  # row -1: no item
    of_list = padded[items].sum(axis=1)  # (U, C)
    of_history = history.astype(np.float64) @ shares  # (U, C)
    defined = (of_list.sum(axis=1) > 0) & (of_history.sum(axis=1) > 0)
    distance = np.full(len(items), np.nan)
    if defined.any():
        distance[defined] = jensenshannon(of_list[defined].T, of_history[defined].T, base=2)
    return distance


def obvious_items(
    history: csr_array, categories: Flags, k: int, recommendable: Flags | None = None
) -> csr_array:
    """(U, N) bool: the items not in a user's history that any simple rule would have recommended.

    These are the k most popular, and the MOST_SIMILAR by cosine of the item's categories with the history's
    category shares. Ties go to the lower item code.
    """
    n_users, n_items = shape_of(history)
    popularity = np.bincount(history.indices, minlength=n_items).astype(np.float64)
    shares = category_shares(categories)
    length = np.linalg.norm(categories, axis=1, keepdims=True)
    unit = np.divide(categories, length, out=np.zeros(categories.shape), where=length > 0)  # (N, C)
    profile = history.astype(np.float64) @ shares  # (U, C); its length does not change a user's order
    rows, columns = [], []
    block = max(1, BLOCK_CELLS // n_items)
    for start in range(0, n_users, block):
        seen = history[start : start + block].toarray().astype(bool)  # (B, N)
        if recommendable is not None:
            seen |= ~recommendable
        profiles = profile[start : start + block]
        norm = np.maximum(np.linalg.norm(profiles, axis=1, keepdims=True), 1e-12)
        # Rounded, so that items with the same categories tie exactly, whatever the order of the sums.
        similarity = ((profiles / norm) @ unit.T).round(9)
        for score, count in ((np.broadcast_to(popularity, seen.shape), k), (similarity, MOST_SIMILAR)):
            order = np.argsort(np.where(seen, np.inf, -score), axis=1, kind="stable")[:, :count]
            unseen = ~np.take_along_axis(seen, order, axis=1)
            rows.append(start + np.nonzero(unseen)[0])
            columns.append(order[unseen])
    users, items = np.concatenate(rows), np.concatenate(columns)
    obvious = csr_array((np.ones(len(users), dtype=bool), (users, items)), shape=history.shape)
    obvious.sum_duplicates()  # an item may be both popular and near
    return obvious


def serendipity(items: Codes, hits: Flags, obvious: csr_array) -> Floats:
    """(U,) share of a list's hits that are not obvious; NaN for a list without a hit.

    Args:
        items: (U, k) codes.
        hits: (U, k) bool.
        obvious: (U, N), from obvious_items.
    """
    n_hits = hits.sum(axis=1)
    surprising = (hits & ~contains(obvious, items)).sum(axis=1)
    return np.divide(surprising, n_hits, out=np.full(len(items), np.nan), where=n_hits > 0)


def category_shares(categories: Flags) -> Floats:
    """(N, C) float64: each item's categories, in equal shares that add up to 1 (or to 0 without any)."""
    n_categories = categories.sum(axis=1, keepdims=True)
    return np.divide(categories, n_categories, out=np.zeros(categories.shape), where=n_categories > 0)


def mean_over_pairs(values: Floats, present: Flags) -> Floats:
    """(U,) mean of values (U, k, k) over the pairs i < j of which both are present; NaN without a pair."""
    first, second = np.triu_indices(present.shape[1], k=1)
    pairs = present[:, first] & present[:, second]  # (U, P)
    n_pairs = pairs.sum(axis=1)
    total = np.where(pairs, values[:, first, second], 0.0).sum(axis=1)
    return np.divide(total, n_pairs, out=np.full(len(total), np.nan), where=n_pairs > 0)
