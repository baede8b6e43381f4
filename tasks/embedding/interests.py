"""User interest vectors: the few directions that a history points to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from threadpoolctl import threadpool_limits

from tasks.arrays.recency import positions_back, rating_weights, recency_weights
from tasks.arrays.types import Codes, Floats, Vectors
from tasks.arrays.vectors import unit

# One more interest for every so many events, up to the maximum.
EVENTS_PER_INTEREST = 10
MAX_ITERATIONS = 25


@dataclass(frozen=True)
class Histories:
    """E events of U users, in any order."""

    user: Codes
    """(E,) user codes."""
    item: Codes
    """(E,) item codes."""
    time: Codes
    """(E,) seconds; events of a user with equal times weigh alike."""
    value: Vectors
    """(E,) ratings."""
    n_users: int

    @classmethod
    def of_one(cls, item: Codes, time: Codes, value: Vectors) -> Self:
        """The events of one user."""
        return cls(np.zeros(len(item), dtype=np.int64), item, time, value, 1)


def interest_vectors(
    directions: Vectors,
    histories: Histories,
    n_interests: int,
    half_life_items: float | None,
    seed: int,
    advance: Callable[[int], object] = lambda _more: None,
) -> tuple[Vectors, Vectors]:
    """Cluster every user's history by spherical k-means, weighted by recency and rating.

    A user with n events gets min(I, 1 + n // 10) interests, or fewer when the history has fewer directions.

    Args:
        directions: (N, D) item vectors, centred on the catalogue's mean (else every average lies near that
            mean), of unit length; zeros where an item has none.
        histories: what users did.
        n_interests: I, at least 1.
        half_life_items: an item this many positions back weighs half; None weighs all alike.
        seed: of the first centres.
        advance: told of each user who is done.

    Returns:
        vectors (U, I, D) float32 of unit length, heaviest interest first, zeros where there are fewer;
        weights (U, I) float32, the interest's share of the user's weight: a known user's sum to 1.
    """
    if n_interests < 1:
        raise ValueError(
            f"n_interests must be at least 1, got {n_interests}; set it in [embedding] interests"
        )
    user, item, time, value = histories.user, histories.item, histories.time, histories.value
    # The order within a block of equal times must not matter: sort by item there.
    order = np.lexsort((item, time, user))
    user, item, time, value = user[order], item[order], time[order], value[order]
    weight = recency_weights(positions_back(user, time), half_life_items) * rating_weights(value)
    usable = np.any(directions != 0, axis=1)[item] & (weight > 0)
    user, item, weight = user[usable], item[usable], weight[usable]

    n_users = histories.n_users
    vectors = np.zeros((n_users, n_interests, directions.shape[1]), dtype=np.float32)
    weights = np.zeros((n_users, n_interests), dtype=np.float32)
    starts = np.searchsorted(user, np.arange(n_users + 1))
    # One history is too small to share among threads: BLAS would spend its time waking them.
    with threadpool_limits(limits=1, user_api="blas"):
        for code in np.unique(user):
            history = slice(starts[code], starts[code + 1])
            wanted = min(n_interests, 1 + int(starts[code + 1] - starts[code]) // EVENTS_PER_INTEREST)
            rng = np.random.default_rng((seed, int(code)))
            centres, mass = spherical_kmeans(directions[item[history]], weight[history], wanted, rng)
            vectors[code, : len(centres)] = centres
            weights[code, : len(centres)] = mass
            advance(1)
    return vectors, weights


def spherical_kmeans(
    points: Vectors, weight: Floats, n_clusters: int, rng: np.random.Generator
) -> tuple[Vectors, Vectors]:
    """Cluster unit vectors by cosine: Dhillon & Modha, "Concept Decompositions", Machine Learning 42, 2001.

    Args:
        points: (n, D) of unit length, n at least 1.
        weight: (n,) above zero.
        n_clusters: at most so many.
        rng: draws the first centres.

    Returns:
        centres (C, D) of unit length and their shares of the weight (C,), heaviest first.
    """
    share = weight / weight.sum()
    centres = _first_centres(points, share, n_clusters, rng)
    labels = np.full(len(points), -1)
    for _ in range(MAX_ITERATIONS):
        before, labels = labels, np.argmax(points @ centres.T, axis=1)
        if np.array_equal(before, labels):
            break
        members = np.where(labels == np.arange(len(centres))[:, None], share, 0)  # (C, n)
        # Old events weigh next to nothing: scale to the cluster's own weight before going to float32.
        members /= np.maximum(members.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        means = unit(members.astype(np.float32) @ points)
        # A centre whose members cancel out, or that has none, stays where it was.
        centres = np.where(np.any(means != 0, axis=1, keepdims=True), means, centres)
    mass = np.bincount(labels, share, len(centres))
    order = np.argsort(-mass, kind="stable")
    order = order[mass[order] > 0]
    return centres[order], mass[order].astype(np.float32)


def _first_centres(points: Vectors, share: Floats, n: int, rng: np.random.Generator) -> Vectors:
    """Draw centres far from one another: k-means++ of Arthur & Vassilvitskii (2007) with 1 - cosine."""
    chosen = [int(np.argmax(share))]
    distance = np.ones(len(points), dtype=np.float32)
    for _ in range(n - 1):
        distance = np.minimum(distance, 1 - points @ points[chosen[-1]])
        # Rounding leaves about 1e-7 between equal points: not another direction.
        odds = np.cumsum(np.where(distance > 1e-5, distance * share, 0))
        if odds[-1] <= 0:
            break
        chosen.append(int(np.searchsorted(odds, rng.random() * odds[-1], side="right")))
    return points[chosen]
