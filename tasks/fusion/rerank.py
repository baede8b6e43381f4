"""Re-ranking: lists that are diverse as well as good, by one of several methods with one dial."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.types import Codes, Flags, Floats, Positions
from tasks.fusion.rerank_head import Head, RerankContext, Reranker, Singles
from tasks.fusion.rerank_methods import Calibrated, Caps, Dpp, Mmr

HEAD = 100
PAGE = 10  # how many items are looked at together
STEEPNESS = 4.0  # of relevance as a function of the score: docs/experiments.md says what it gains
BLOCK_USERS = 256  # at once: what they need stays in the processor's cache, similarities at 10 MB

RERANKERS: Mapping[str, type[Reranker]] = {"mmr": Mmr, "dpp": Dpp, "calibrated": Calibrated}
"""By the name in [fusion] reranker."""


def by_score(scores: Floats, k: int) -> Positions:
    """(U, k) positions of the highest scores (U, C), best first, ties by position; -1 for those of -inf."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    order = np.where(np.isneginf(np.take_along_axis(scores, order, axis=1)), -1, order)
    return np.pad(order, ((0, 0), (0, k - order.shape[1])), constant_values=-1)


def rerank(
    scores: Floats,
    items: NDArray[np.integer],
    context: RerankContext,
    dial: float,
    k: int,
    head: int = HEAD,
    page: int = PAGE,
) -> Positions:
    """(U, k) positions in (U, C), best first; -1 where a user has fewer candidates.

    From a user's best `head` candidates items are taken greedily: each next one is what the method values
    most after those taken, of equal ones the one with the higher score. What is taken for one page is shown
    by score: diversity is in what is seen together, and another order costs accuracy alone. Further
    candidates follow by score. So the first items of a list do not depend on its length; and dial 0 is the
    order by score, but for a category cap.

    Args:
        scores: (U, C) fused scores; -inf where there is no item.
        items: (U, C) codes.
        context: of these users: the method, the cap, and what they go by.
        dial: 0 (by score) to 1 (as diverse as the method can make it within the head).
        k: length of the lists.
        head: how many of the best candidates are re-ranked.
        page: how many items are ordered by score among themselves; 1 leaves them as they were taken.
    """
    if not 0 <= dial <= 1:
        raise ValueError(f"diversity must be between 0 and 1, got {dial}; 0 orders by score alone")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}; ask for a list of one or more items")
    if context.reranker not in RERANKERS:
        raise ValueError(f"there is no reranker {context.reranker!r}; choose one of {', '.join(RERANKERS)}")
    if dial == 0 and not context.category_cap:
        return by_score(scores, k)
    best = by_score(scores, max(k, head))
    for start in range(0, len(best), BLOCK_USERS):
        rows = np.arange(start, min(start + BLOCK_USERS, len(best)))
        heads = best[rows, :head]  # (B, H)
        present = heads >= 0
        chosen = np.where(present, np.take_along_axis(items[rows], heads, axis=1), -1)
        relevance = _relevance(np.take_along_axis(scores[rows], heads, axis=1), present)
        whole_pages = min(-(-k // page) * page, heads.shape[1])
        taken = _greedy(Head(chosen, relevance, context.of(rows)), present, dial, whole_pages)
        order = _by_page(taken, page)
        best[rows, : order.shape[1]] = np.where(order >= 0, np.take_along_axis(heads, order, axis=1), -1)
    return best[:, :k]


def picked_items(items: NDArray[np.integer], places: Positions) -> Codes:
    """(U, k) item codes at positions (U, k) of (U, C) candidates; -1 stays -1."""
    return np.where(places >= 0, np.take_along_axis(items, places, axis=1), -1)


def _greedy(head: Head, present: Flags, dial: float, k: int) -> Positions:
    """(B, k): columns of the head in the order in which they are taken; -1 where a user has run out."""
    n_users = len(present)
    method = RERANKERS[head.context.reranker](head, dial)
    caps = Caps(head) if head.context.category_cap else None
    free, users = present.copy(), np.arange(n_users)
    n_present = present.sum(axis=1)
    taken = np.full((n_users, k), -1, dtype=np.int64)
    for place in range(k):
        allowed = free if caps is None else caps.allowed(free)
        picked = np.where(allowed, method.values(), -np.inf).argmax(axis=1)  # of equal ones the first
        taken[:, place] = np.where(n_present > place, picked, -1)
        free[users, picked] = False
        method.pick(picked)
        if caps is not None:
            caps.pick(picked)
    return taken


def _by_page(taken: Positions, page: int) -> Positions:
    """(B, k): the same with each page in the order of the head, which is by score; -1 stays at the end."""
    none = np.iinfo(np.int64).max
    length = taken.shape[1]
    padded = np.pad(taken, ((0, 0), (0, -length % page)), constant_values=-1)
    pages = np.where(padded >= 0, padded, none).reshape(len(taken), -1, page)
    ordered = np.sort(pages, axis=2).reshape(padded.shape)[:, :length]
    return np.where(ordered < none, ordered, -1)


def _relevance(scores: Floats, present: Flags) -> Singles:
    """(B, H): scores scaled to 0..1 over each row's present ones, then steepened; all 0 where they are equal.

    (e^(4 s) - 1) / (e^4 - 1): differences count more the better the items are. What is far down is given up
    for diversity, what is likely right is not.
    """
    low = np.where(present, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(present, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    span = high - low
    scaled = np.divide(scores - low, span, out=np.zeros(scores.shape), where=present & (span > 0))
    return (np.expm1(STEEPNESS * scaled) / np.expm1(STEEPNESS)).astype(np.float32)
