"""Re-ranking: lists that are diverse as well as good, by one of several methods with one dial."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tasks.fusion.rerank_calibrated import Calibrated
from tasks.fusion.rerank_caps import Caps
from tasks.fusion.rerank_dpp import Dpp
from tasks.fusion.rerank_head import Head, Reranker, RerankContext, Singles
from tasks.fusion.rerank_mmr import Mmr
from tasks.fusion.similarity import Positions
from tasks.measures import Flags, Floats

HEAD = 100
BLOCK_USERS = 256  # at once: what they need stays in the processor's cache, and similarities of heads at 10 MB

RERANKERS: Mapping[str, type[Reranker]] = {"mmr": Mmr, "dpp": Dpp, "calibrated": Calibrated}
"""By the name in [fusion] reranker."""


def by_score(scores: Floats, k: int) -> Positions:
    """(U, k) positions of the highest scores, best first, ties by position; -1 where there are fewer.

    Args:
        scores: (U, C); -inf where there is no item.
        k: how many.
    """
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
) -> Positions:
    """(U, k) positions in (U, C), best first; -1 where a user has fewer candidates.

    A user's best `head` candidates are put in a new order, greedily: each next item is the one that the method
    values most after those above it, of equal ones the one with the higher score. Further candidates follow by
    score. So the first items of a list do not depend on its length; and dial 0 is the order by score, but for
    a category cap.

    Args:
        scores: (U, C) fused scores; -inf where there is no item.
        items: (U, C) codes.
        context: of these users: the method, the cap, and what they go by.
        dial: 0 (by score) to 1 (as diverse as the method can make it within the head).
        k: length of the lists.
        head: how many of the best candidates are re-ranked.
    """
    if not 0 <= dial <= 1:
        raise ValueError(f"diversity must be between 0 and 1, got {dial}; 0 orders by score alone")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}; ask for a list of one or more items")
    check_reranker(context.reranker)
    if dial == 0 and not context.category_cap:
        return by_score(scores, k)
    best = by_score(scores, max(k, head))
    for start in range(0, len(best), BLOCK_USERS):
        rows = np.arange(start, min(start + BLOCK_USERS, len(best)))
        heads = best[rows, :head]  # (B, H)
        present = heads >= 0
        chosen = np.where(present, np.take_along_axis(items[rows], heads, axis=1), -1)
        relevance = _scaled(np.take_along_axis(scores[rows], heads, axis=1), present)
        order = _greedy(Head(chosen, relevance, context.of(rows)), present, dial, k)
        best[rows, : order.shape[1]] = np.where(order >= 0, np.take_along_axis(heads, order, axis=1), -1)
    return best[:, :k]


def check_reranker(name: str) -> None:
    """Refuse a name that is none of RERANKERS."""
    if name not in RERANKERS:
        raise ValueError(f"there is no reranker {name!r}; choose one of {', '.join(RERANKERS)}")


def _greedy(head: Head, present: Flags, dial: float, k: int) -> Positions:
    """(B, min(k, H)): columns of the head in their new order; -1 where a user has run out."""
    n_users, width = present.shape
    method = RERANKERS[head.context.reranker](head, dial)
    caps = Caps(head) if head.context.category_cap else None
    free, users = present.copy(), np.arange(n_users)
    n_present = present.sum(axis=1)
    order = np.full((n_users, min(k, width)), -1, dtype=np.int64)
    for place in range(order.shape[1]):
        allowed = free if caps is None else caps.allowed(free)
        picked = np.where(allowed, method.values(), -np.inf).argmax(axis=1)  # of equal ones the first
        order[:, place] = np.where(n_present > place, picked, -1)
        free[users, picked] = False
        method.pick(picked)
        if caps is not None:
            caps.pick(picked)
    return order


def _scaled(scores: Floats, present: Flags) -> Singles:
    """(B, H): scores scaled to 0..1 over each row's present ones; all 0 where they are equal."""
    low = np.where(present, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(present, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    span = high - low
    scaled = np.divide(scores - low, span, out=np.zeros(scores.shape), where=present & (span > 0))
    return scaled.astype(np.float32)
