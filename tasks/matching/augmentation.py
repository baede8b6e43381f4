"""More to learn from short histories: an altered copy of each, as the history of somebody made up.

Cropping and masking are those of Xie et al., "Contrastive Learning for Sequential Recommendation" (CL4SRec),
ICDE 2022, substituting that of Liu et al., "Contrastive Self-supervised Sequential Recommendation with Robust
Augmentation" (CoSeRec), 2021. Here copies are learned from like any history. Their third way, reordering,
needs no copy: what shares a time has no order, and matchers that read an order draw it anew in every epoch.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.vectors import centred, unit
from tasks.matching.contract import FloatArray, IntArray, TrainingData

SHORT = 50  # events; longer histories are not copied
CROPPED = 0.6  # of a copied history, this share stays
ALTERED = 0.3  # of a copy's events, this share is left out or substituted
NEAREST = 10  # a substitute is one of so many items
ITEMS_AT_ONCE = 1024

NONE, EVERY = "none", "all"


def augmented(data: TrainingData, how: str, rng: np.random.Generator) -> TrainingData:
    """The events of a window, and for every short history an altered copy under a user code from U on.

    "crop" keeps a stretch of the copy, "mask" leaves events out, "substitute" puts similar items in their
    places, "all" does one of these to each copy, "none" copies nothing. Given events must not be in `data`.
    """
    if how not in (NONE, EVERY, *OPERATORS):
        raise ValueError(
            f"there is no augmentation {how!r}; choose one of {', '.join((NONE, *OPERATORS, EVERY))}"
        )
    if how == NONE:
        return data
    operators = tuple(OPERATORS.values()) if how == EVERY else (OPERATORS[how],)
    n_events = np.bincount(data.user, minlength=data.n_users)
    short = np.flatnonzero((n_events > 1) & (n_events < SHORT))
    chosen = np.full(data.n_users, -1)
    chosen[short] = rng.integers(0, len(operators), len(short))
    kept, items = [], data.item.copy()
    for number, operator in enumerate(operators):
        events = np.flatnonzero(chosen[data.user] == number)
        there, items[events] = operator(data, events, rng)
        kept.append(events[there])
    copied = np.sort(np.concatenate(kept))
    code = np.full(data.n_users, -1)
    code[short] = data.n_users + np.arange(len(short))
    nobody = np.zeros((len(short), *data.interests.shape[1:]), dtype=np.float32)
    return replace(
        data,
        n_users=data.n_users + len(short),
        user=np.concatenate([data.user, code[data.user[copied]]]),
        item=np.concatenate([data.item, items[copied]]),
        value=np.concatenate([data.value, data.value[copied]]),
        time=np.concatenate([data.time, data.time[copied]]),
        interests=np.concatenate([data.interests, nobody]),
        given=None,
    )


Kept = tuple[NDArray[np.bool_], IntArray]
"""(E',) which events a copy keeps, and (E',) their items."""


def crop(data: TrainingData, events: IntArray, rng: np.random.Generator) -> Kept:
    """Keep a stretch of each user's events (E',), which are all of theirs, in order."""
    user = data.user[events]
    first, size = np.searchsorted(user, user), np.bincount(user, minlength=data.n_users)[user]
    length = np.maximum((CROPPED * size).astype(np.int64), 1)
    start = (rng.random(data.n_users)[user] * (size - length + 1)).astype(np.int64)
    place = np.arange(len(user)) - first
    return (place >= start) & (place < start + length), data.item[events]


def mask(data: TrainingData, events: IntArray, rng: np.random.Generator) -> Kept:
    """Leave some of the events (E',) out, at random."""
    return rng.random(len(events)) >= ALTERED, data.item[events]


def substitute(data: TrainingData, events: IntArray, rng: np.random.Generator) -> Kept:
    """Put similar items in the places of some of the events' (E',), at random.

    Similar by the vectors of texts and content; only by items that the window has events of, so that what
    nobody knows stays unknown.
    """
    item = data.item[events]
    altered = rng.random(len(item)) < ALTERED
    known = np.unique(data.item)
    vectors = unit(centred(data.item_vectors) + centred(unit(data.text_vectors.sum(axis=1))))
    if len(known) > NEAREST:
        altered &= np.any(vectors[item] != 0, axis=1)
    else:
        altered[:] = False
    wanted, row = np.unique(item[altered], return_inverse=True)
    drawn = rng.integers(0, NEAREST, len(row))
    out = item.copy()
    if len(wanted):
        out[altered] = known[_nearest(vectors, wanted, known)[row, drawn]]
    return np.ones(len(item), dtype=bool), out


def _nearest(vectors: FloatArray, wanted: IntArray, known: IntArray) -> IntArray:
    """(W, NEAREST) places among `known` of the items that are most like each wanted one, itself left out."""
    out = np.empty((len(wanted), NEAREST), dtype=np.int64)
    for start in range(0, len(wanted), ITEMS_AT_ONCE):
        some = wanted[start : start + ITEMS_AT_ONCE]
        cosine = vectors[some] @ vectors[known].T
        cosine[some[:, None] == known] = -np.inf
        best = np.argpartition(-cosine, NEAREST - 1, axis=1)[:, :NEAREST]
        out[start : start + len(some)] = np.sort(best, axis=1)  # partition promises no order
    return out


OPERATORS: dict[str, Callable[[TrainingData, IntArray, np.random.Generator], Kept]] = {
    "crop": crop,
    "mask": mask,
    "substitute": substitute,
}
