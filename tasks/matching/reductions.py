"""From K similarities of an item to one score, slot by slot: no (B, N, K) tensor is ever held.

Every function takes the similarities of one slot after the other, (R, N) each and -inf where an item has no
text in the slot, may write into them, and returns (R, N), -inf where an item has no text at all. R are
users or interests.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from tasks.matching.contract import FloatArray

NONE = np.float32(-np.inf)
LOWEST = np.float32(-1e30)  # below every logit, yet finite: a difference of two is never NaN


def maximum(similarities: Iterable[FloatArray]) -> FloatArray:
    """Take the best: one good text is enough.

    >>> maximum([np.array([[0.25, -1.0]]), np.array([[0.5, -np.inf]])])
    array([[ 0.5, -1. ]])
    """
    slots = iter(similarities)
    best = next(slots)
    for similarity in slots:
        np.maximum(best, similarity, out=best)
    return best


def log_mean_exp(similarities: Iterable[FloatArray], temperature: float) -> FloatArray:
    """T log(mean of exp(similarity / T)): near the best for a small T, near the mean for a large one.

    The mean, not the sum, is taken over the texts that are there: having fewer of them is no fault.

    >>> log_mean_exp([np.array([[0.5, 0.3]]), np.array([[0.5, -np.inf]])], 0.1).round(4)
    array([[0.5, 0.3]])
    """
    slots = iter(similarities)
    total = next(slots)
    n_texts = (total[:1] != NONE).astype(total.dtype)  # (1, N): what is missing is so for every row
    total /= temperature
    for similarity in slots:
        n_texts += similarity[:1] != NONE
        np.logaddexp(total, np.divide(similarity, temperature, out=similarity), out=total)
    total -= np.log(np.maximum(n_texts, 1))
    total *= temperature
    return total


def attended(
    similarities: Iterable[FloatArray], slot_logits: Sequence[FloatArray], slope: float
) -> FloatArray:
    """Weigh slots by softmax(slot_logits[k] + slope * similarity), and sum up; slot_logits are K times (R,).

    The softmax is made in one pass, sums being scaled down whenever a higher logit comes: Milakov &
    Gimelshein, "Online normalizer calculation for softmax", arXiv 1805.02867, 2018.

    >>> attended([np.array([[0.5]]), np.array([[0.1]])], [np.zeros(1), np.zeros(1)], 0.0).round(4)
    array([[0.3]])
    """
    top = total = score = None
    for similarity, slot_logit in zip(similarities, slot_logits, strict=True):
        logit = slope * np.maximum(similarity, LOWEST) + slot_logit[:, None]
        logit[similarity == NONE] = NONE
        if top is None or total is None or score is None:
            top, total, score = np.full_like(logit, LOWEST), np.zeros_like(logit), np.zeros_like(logit)
        highest = np.maximum(top, logit)
        rescale, weight = np.exp(top - highest), np.exp(logit - highest)
        top = highest
        total *= rescale
        total += weight
        score *= rescale
        score += weight * np.maximum(similarity, LOWEST)
    assert total is not None
    assert score is not None
    return np.divide(score, total, out=np.full_like(score, NONE), where=total > 0)
