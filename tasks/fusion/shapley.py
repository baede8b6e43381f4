"""What each model adds to a score, and to a place in the list: Shapley values, exact, over all coalitions.

Shapley, "A Value for n-Person Games", 1953. The players are the models of a fusion. A model that is left out
counts 0 after normalisation; the candidates and the normaliser stay what they are. So this says what a
model's opinion of a row adds; nothing is fitted again.
"""

from collections.abc import Callable, Iterator
from functools import cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.types import Flags, Floats

MAX_MODELS = 12  # 4,096 coalitions
BLOCK_ROWS = 1 << 18  # rows that are valued in one call: 25 MB with 12 models

Value = Callable[[Floats], Floats]
"""Normalised scores (S, M) to fused scores (S,)."""
Choose = Callable[[Floats], NDArray[np.integer]]
"""Fused scores (S, C) to lists: positions (S, k) of candidates, -1 padded."""


def shapley_values(value: Value, normalised: Floats) -> Floats:
    """(R, M) float64: out[r, m] = what model m adds to the score of row r.

    This is the definition, for any fusion: what is quicker must agree with it (`Layers.shapley_values`).

    A row adds up to value(row) - value(zeros), to rounding. Where value(zeros) is not 0, it is the base that
    the row starts from: show it beside the models.

    Args:
        value: the fusion. It is called with whole sets of the R rows, in order: row s of its argument stands
            for normalised[s % R], so it may know more of a row (its user, say) than its normalised scores.
        normalised: (R, M); at most 12 models.

    >>> shapley_values(lambda scores: scores[:, 0] * scores[:, 1], np.array([[2.0, 3.0]]))
    array([[3., 3.]])
    """
    out = np.zeros(normalised.shape)
    for worth, shares in _valued(value, normalised):
        out += worth.T @ shares
    return out


def membership_values(value: Value, normalised: Floats, choose: Choose) -> tuple[NDArray[np.int64], Floats]:
    """What each model adds to an item's being in a user's list: Shapley values of a game that is won or lost.

    A coalition wins for an item when the list that is made from the coalition's fused scores holds it. A
    coalition that finds all candidates alike makes no list: it wins for nobody. So the values of a listed
    item add up to 1, those of another to 0.

    Args:
        value: as for `shapley_values`; R is the number of candidates.
        normalised: (C, M), all the user's candidates; at most 12 models.
        choose: makes lists, re-ranking and all, as the published ones were made.

    Returns:
        (L,) positions of the candidates that some coalition lists, ascending, and (L, M) float64.
    """
    out = np.zeros(normalised.shape)
    ever = np.zeros(len(normalised), dtype=bool)
    for scores, shares in _valued(value, normalised):
        listed = np.zeros(scores.shape)
        tells = np.flatnonzero(np.ptp(scores, axis=1) > 0)
        if tells.size:
            places = choose(scores[tells])
            row, rank = np.nonzero(places >= 0)
            listed[tells[row], places[row, rank]] = 1.0
        ever |= listed.any(axis=0)
        out += listed.T @ shares
    held = np.flatnonzero(ever)
    return held, out[held]


def _valued(value: Value, normalised: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Blocks of S coalitions: fused scores (S, R), and what these count for each model (S, M)."""
    normalised = np.asarray(normalised, dtype=np.float64)
    n_rows, n_models = normalised.shape
    members, shares = coalitions(n_models), shares_of_coalitions(n_models)
    block = max(1, BLOCK_ROWS // max(n_rows, 1))
    for start in range(0, len(members) if n_rows else 0, block):
        part = members[start : start + block]  # (S, M)
        rows = np.where(part[:, None], normalised, 0.0).reshape(-1, n_models)  # (S * R, M)
        worth = np.asarray(value(rows), dtype=np.float64).reshape(len(part), n_rows)
        yield worth, shares[start : start + block]


@cache
def coalitions(n_models: int) -> Flags:
    """(2 ** M, M) bool: every set of models; row 0 is nobody, the last row is everybody.

    Raises:
        ValueError: there are too many models to go through all their sets.
    """
    if n_models > MAX_MODELS:
        raise ValueError(
            f"Shapley values go through all sets of at most {MAX_MODELS} models, got {n_models}; "
            "name fewer in [matching] matchers"
        )
    members = (np.arange(1 << n_models)[:, None] >> np.arange(n_models)) & 1 == 1
    members.setflags(write=False)
    return members


@cache
def shares_of_coalitions(n_models: int) -> Floats:
    """(2 ** M, M): out[s, m] = what the worth of coalition s counts for model m.

    Over all orders in which models may join, it is the share in which m joins to make s, less the share in
    which m is the next to join s.
    """
    members = coalitions(n_models)
    size = members.sum(axis=1)
    orders = [factorial(before) * factorial(n_models - before - 1) for before in range(n_models)]
    joining = np.array([*orders, 0]) / factorial(n_models)  # by how many were there before
    shares = np.where(members, joining[size - 1][:, None], -joining[size][:, None])
    shares.setflags(write=False)
    return shares
