"""How fast lists are re-ranked and explained."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tasks.arrays.types import Codes, Floats
from tasks.arrays.vectors import unit
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import FusionModel
from tasks.fusion.rerank import HEAD, by_score, rerank
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.shapley import membership_values, shapley_values
from tasks.fusion.similarity import ItemSimilarity

K = 10
DIAL = 0.5
USERS = 5_000
MANY_ITEMS, DIMENSIONS = 20_000, 384  # more than similarities are kept of
EXPLAINED = 20  # users


def heads_of(scores: Floats, items: Codes) -> tuple[Floats, Codes]:
    """(USERS, HEAD): scores and items of the best candidates of users who have so many, again and again."""
    best = by_score(scores, HEAD)
    rows = np.flatnonzero((best >= 0).all(axis=1))
    if not len(rows):
        raise ValueError(f"no user has {HEAD} candidates; measure on a larger catalogue")
    at = rows[np.arange(USERS) % len(rows)]
    return scores[at[:, None], best[at]], items[at[:, None], best[at]]


def users_per_second(scores: Floats, items: Codes, context: RerankContext, rounds: int) -> float:
    """Return how many users a second get a list of 10 out of 100: in the fastest round."""
    seconds = min(_seconds(lambda: rerank(scores, items, context, DIAL, K), rounds))
    return len(scores) / seconds


def rerank_speeds(
    scores: Floats, items: Codes, similarity: ItemSimilarity, rounds: int, seed: int
) -> dict[str, dict[str, float]]:
    """Re-ranker to users a second: in this catalogue, and in one whose similarities are not kept.

    Args:
        scores: (U, C) fused.
        items: (U, C) codes.
        similarity: of this catalogue.
        rounds: how often each is timed.
        seed: of the large catalogue and its heads.
    """
    rng = np.random.default_rng(seed)
    large = ItemSimilarity(unit(rng.standard_normal((MANY_ITEMS, DIMENSIONS), dtype=np.float32)))
    drawn = np.sort(rng.random((USERS, HEAD)), axis=1)[:, ::-1]
    large_items = rng.integers(0, MANY_ITEMS // HEAD, (USERS, HEAD)) * HEAD + np.arange(HEAD)
    own_scores, own_items = heads_of(scores, items)
    measured = {
        "this_catalogue": (own_scores, own_items, similarity),
        "large_catalogue": (drawn, large_items, large),
    }
    return {
        name: {
            what: users_per_second(some_scores, some_items, RerankContext(likeness, reranker=name), rounds)
            for what, (some_scores, some_items, likeness) in measured.items()
        }
        for name in ("mmr", "dpp")
    }


def explaining(model: FusionModel, candidates: Candidates, context: RerankContext) -> dict[str, Any]:
    """Return how long reasons take: of a list of 10 as it is published, by all coalitions, and of membership.

    Args:
        model: the published fusion.
        candidates: of some users, with what the model needs.
        context: of the same users.
    """
    fused = model.scores(candidates)
    places = rerank(fused, candidates.items, context, model.diversity, K)
    own, exact = [], []
    for row in range(min(EXPLAINED, len(candidates.users))):
        alone, listed = candidates.take(np.array([row])), places[row][places[row] >= 0]
        rows = np.zeros(len(listed), dtype=np.int64)
        own += _seconds(lambda a=alone, r=rows, c=listed: model.contributions(a, r, c), 1)
        value, picked = model.value_of(candidates, row), model.normaliser(alone)[0, listed]
        exact += _seconds(lambda v=value, p=picked: shapley_values(v, p), 1)
    return {
        "models": len(candidates.matchers),
        "contributions_ms": 1000 * statistics.median(own),
        "all_coalitions_ms": 1000 * statistics.median(exact),
        "membership_s": _membership_seconds(model, candidates, context),
    }


def _membership_seconds(model: FusionModel, candidates: Candidates, context: RerankContext) -> float:
    """Return the seconds for the first user's candidates: a list for every coalition of models."""
    alone = candidates.take(np.array([0]))
    there = np.flatnonzero(alone.present[0])
    normalised = model.normaliser(alone)[0, there]

    def choose(scores: Floats) -> np.ndarray:
        of_user = context.of(np.zeros(len(scores), dtype=np.int64))
        items = np.broadcast_to(alone.items[0, there], scores.shape)
        return rerank(scores, items, of_user, model.diversity, K)

    value = model.value_of(alone, 0)
    return _seconds(lambda: membership_values(value, normalised, choose), 1)[0]


def _seconds(call: Callable[[], object], rounds: int) -> list[float]:
    """Return the seconds of some calls, after one that warms up."""
    call()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds
