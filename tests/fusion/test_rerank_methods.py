"""DPP, calibration and caps beside brute force on tiny sets."""

from itertools import pairwise

import numpy as np
import pytest

from tasks.arrays.vectors import unit
from tasks.fusion.rerank import rerank
from tasks.fusion.rerank_head import ItemCategories, RerankContext, tastes
from tasks.fusion.rerank_methods import SMOOTHING
from tasks.fusion.similarity import ItemSimilarity
from tasks.metrics.diversity import calibration
from tests.fusion import toys


def kernel(scores: np.ndarray, vectors: np.ndarray, dial: float) -> np.ndarray:
    """(H, H): q S q with q = exp(theta * relevance), as the paper has it."""
    quality = np.exp((1 - dial) / (2 * dial) * toys.relevance(scores))
    return quality[:, None] * (1 + vectors @ vectors.T) / 2 * quality


@pytest.mark.parametrize("dial", [0.2, 0.6, 1.0])
def test_dpp_takes_what_raises_the_determinant_most(dial: float) -> None:
    vectors = toys.random_vectors().astype(np.float64)
    for user, scores in enumerate(np.random.default_rng(1).normal(size=(20, 7))):
        items = np.random.default_rng(user).choice(toys.ITEMS, 7, replace=False)
        full = kernel(scores, vectors[items], dial)
        context = RerankContext(toys.similarity(), reranker="dpp")
        places = rerank(scores[None], items[None], context, dial, k=5, page=1)[0].tolist()
        # Of equal determinants, which at dial 1 all first items have, the higher score goes first.
        order = sorted(range(7), key=lambda at: -scores[at])
        for length in range(5):
            above = places[:length]
            left = [at for at in order if at not in above]
            determinants = [np.linalg.det(full[np.ix_([*above, at], [*above, at])]) for at in left]
            best = max(determinants)
            assert places[length] == next(
                at for at, found in zip(left, determinants, strict=True) if found > best * (1 - 1e-6)
            )


def test_dpp_survives_more_items_than_dimensions_and_twins() -> None:
    vectors = np.repeat(np.eye(3, dtype=np.float32), 8, axis=0)
    context = RerankContext(ItemSimilarity(vectors), reranker="dpp")
    scores = -np.arange(24, dtype=np.float64)[None]
    places = rerank(scores, np.arange(24)[None], context, 0.9, k=24, page=1)[0]
    assert sorted(places) == list(range(24))
    assert sorted(vectors[places[:3]].argmax(axis=1)) == [0, 1, 2]


@pytest.mark.filterwarnings("error")
def test_dpp_is_silent_about_who_runs_out() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(60, 80)).astype(np.float32))
    vectors *= np.float32(1.00001)  # of unit length but for rounding
    context = RerankContext(ItemSimilarity(vectors), reranker="dpp")
    scores = np.tile(-np.arange(60, dtype=np.float64), (2, 1))
    scores[1, 3:] = -np.inf
    items = np.where(np.isfinite(scores), np.arange(60), -1)
    whole, short = rerank(scores, items, context, 0.5, k=60, page=1)
    assert sorted(whole) == list(range(60))
    assert sorted(short[:3]) == [0, 1, 2] and set(short[3:]) == {-1}


def divergence(wanted: np.ndarray, items: list[int], shares: np.ndarray) -> float:
    """KL(history, list), the list smoothed as in the paper."""
    of_list = (1 - SMOOTHING) * shares[items].mean(axis=0) + SMOOTHING * wanted
    some = wanted > 0
    return float((wanted[some] * np.log(wanted[some] / of_list[some])).sum())


@pytest.mark.parametrize("dial", [0.3, 0.8, 1.0])
def test_calibrated_takes_what_the_paper_takes(dial: float) -> None:
    categories = toys.random_categories()
    shares = categories / np.maximum(categories.sum(axis=1, keepdims=True), 1)
    wanted = tastes(toys.random_relevance(), categories)
    scores, items = toys.fused()
    places = rerank(scores, items, toys.context("calibrated"), dial, k=6, page=1)
    for user in range(10):
        count = int((items[user] >= 0).sum())
        relevance = toys.relevance(scores[user, :count])
        chosen: list[int] = []
        for place in places[user][places[user] >= 0]:
            left = [at for at in range(count) if at not in chosen]
            worth = {
                at: (1 - dial) * relevance[[*chosen, at]].sum()
                - dial * divergence(wanted[user], items[user, [*chosen, at]].tolist(), shares)
                for at in left
            }
            assert worth[place] == pytest.approx(max(worth.values()), abs=1e-5)
            chosen.append(int(place))


def test_calibrated_at_its_end_gives_the_shares_of_the_history() -> None:
    categories = np.repeat(np.eye(2, dtype=bool), 10, axis=0)  # ten of each of two categories
    history = toys.matrix([[0, 10, 11, 12, 13]], 20)  # one of the first, four of the second
    context = RerankContext(
        ItemSimilarity(np.eye(20, dtype=np.float32)),
        ItemCategories(categories),
        tastes(history, categories),
        "calibrated",
    )
    scores = -np.arange(20, dtype=np.float64)[None]
    by_dial = [rerank(scores, np.arange(20)[None], context, dial, k=10) for dial in (0.0, 1.0)]
    assert [int((places < 10).sum()) for places in by_dial] == [10, 2]
    assert calibration(by_dial[1], history, categories).tolist() == [0]


def test_who_has_no_taste_gets_the_order_by_score() -> None:
    scores, items = toys.fused()
    context = toys.context("calibrated")
    assert context.tastes is not None
    unknown = RerankContext(context.similarity, context.categories, 0 * context.tastes, "calibrated")
    np.testing.assert_array_equal(
        rerank(scores, items, unknown, 0.9, k=10), rerank(scores, items, unknown, 0.0, k=10)
    )


@pytest.mark.parametrize("name", ["mmr", "dpp", "calibrated"])
def test_caps_hold_as_long_as_there_is_something_else(name: str) -> None:
    categories = np.zeros((12, 3), dtype=bool)
    categories[:6, 0] = True  # six of the first
    categories[6:9, 1] = True
    categories[5, 1] = True  # one of both
    categories[9:11, 2] = True  # two of the third, and one of none
    context = toys.context(
        name, 2, similarity=ItemSimilarity(np.eye(12, dtype=np.float32)), categories=categories
    ).of(np.arange(1))
    scores = -np.arange(12, dtype=np.float64)[None]
    for dial in (0.0, 0.5, 1.0):
        items = rerank(scores, np.arange(12)[None], context, dial, k=12, page=1)[0]
        counts = np.cumsum(categories[items], axis=0)  # (12, 3) after each place
        room = [int((counts.max(axis=1) <= most).sum()) for most in (2, 4, 6)]
        assert room[0] >= 6, items
        assert sorted(items) == list(range(12))
        assert all(before <= after for before, after in pairwise(room))
    assert rerank(scores, np.arange(12)[None], context, 0.0, k=8, page=1).tolist() == [
        [0, 1, 6, 7, 9, 10, 11, 2]
    ]


def test_categories_as_lists() -> None:
    lists = ItemCategories(np.array([[True, False, True], [False] * 3, [False, True, False]]))
    assert lists.lists.tolist() == [[0, 2], [3, 3], [1, 3], [3, 3]]
    assert lists.share.tolist() == [0.5, 1, 1, 1]
    counts = np.zeros((3, 4))
    lists.added(counts, np.array([0, -1, 2]), np.array([0.5, 1.0, 1.0]))
    assert counts.tolist() == [[0.5, 0, 0.5, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert ItemCategories(np.zeros((2, 0), dtype=bool)).lists.tolist() == [[0], [0], [0]]
