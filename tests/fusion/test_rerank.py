"""What holds for every re-ranker, and MMR beside the paper."""

import typing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.arrays.vectors import unit
from tasks.fusion.model import WEIGHTED, FusionModel
from tasks.fusion.normalise import Normaliser
from tasks.fusion.rerank import RERANKERS, by_score, rerank
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.similarity import ItemSimilarity, mean_text_vectors, with_categories
from tasks.settings import load_settings
from tasks.settings.fusion import Fusion
from tests.fusion import toys
from warehouse.errors import SettingsError

Fused = tuple[np.ndarray, np.ndarray]


def plain_mmr(scores: np.ndarray, vectors: np.ndarray, diversity: float, k: int) -> list[int]:
    """One user, as the paper says it."""
    relevance = toys.relevance(scores)
    left, chosen = sorted(range(len(scores)), key=lambda at: -scores[at]), []
    while left and len(chosen) < k:

        def value(at: int) -> float:
            redundancy = max((float(vectors[at] @ vectors[other]) for other in chosen), default=0.0)
            return (1 - diversity) * relevance[at] - diversity * redundancy

        best = max(left, key=value)
        left.remove(best)
        chosen.append(best)
    return chosen


@pytest.fixture
def fused() -> Fused:
    return toys.fused()


@pytest.fixture(params=[(name, cap) for name in RERANKERS for cap in (0, 2)], ids=str)
def context(request: pytest.FixtureRequest) -> RerankContext:
    name, cap = request.param
    return toys.context(name, cap)


@pytest.mark.parametrize("diversity", [0.1, 0.4, 0.9])
def test_mmr_agrees_with_the_paper_user_by_user(fused: Fused, diversity: float) -> None:
    scores, items = fused
    vectors = toys.random_vectors()
    got = rerank(scores, items, toys.context("mmr"), diversity, k=8, page=1)
    for user in range(len(scores)):
        count = int((items[user] >= 0).sum())
        wanted = plain_mmr(scores[user, :count], vectors[items[user, :count]], diversity, k=8)
        assert got[user].tolist() == wanted + [-1] * (8 - len(wanted))


@pytest.mark.parametrize("name", ["mmr", "dpp"])
def test_a_twin_gives_way_to_something_else(name: str) -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    scores, items = np.array([[3.0, 2.9, 2.0]]), np.array([[0, 1, 2]])
    context = RerankContext(ItemSimilarity(vectors), reranker=name)
    assert rerank(scores, items, context, 0.0, k=3, page=1).tolist() == [[0, 1, 2]]
    assert rerank(scores, items, context, 0.5, k=3, page=1).tolist() == [[0, 2, 1]]
    # On one page the twin is left out, and the rest is by score.
    assert rerank(scores, items, context, 0.5, k=2, page=2).tolist() == [[0, 2]]
    assert rerank(scores, items, context, 0.5, k=3, page=3).tolist() == [[0, 1, 2]]


def test_all_similarities_and_those_of_a_head_give_the_same(fused: Fused, context: RerankContext) -> None:
    made = ItemSimilarity(toys.random_vectors(), table_items=0)
    assert context.similarity.has_table
    assert not made.has_table
    np.testing.assert_array_equal(
        rerank(*fused, context, 0.3, k=10), rerank(*fused, replace(context, similarity=made), 0.3, k=10)
    )


@pytest.mark.parametrize("name", RERANKERS)
def test_diversity_zero_is_the_order_by_score_with_ties_by_position(name: str) -> None:
    scores = np.array([[1.0, 2.0, 2.0, -np.inf], [-np.inf] * 4])
    items = np.array([[4, 5, 6, -1], [-1] * 4])
    context = toys.context(name).of(np.arange(2))
    assert by_score(scores, 5).tolist() == [[1, 2, 0, -1, -1], [-1] * 5]
    assert rerank(scores, items, context, 0.0, k=5).tolist() == [[1, 2, 0, -1, -1], [-1] * 5]
    assert rerank(scores, items, context, 0.7, k=5)[1].tolist() == [-1] * 5
    # A cap that nothing reaches has everything re-ranked, by the score alone.
    assert rerank(scores, items, replace(context, category_cap=9), 0.0, k=3).tolist() == [[1, 2, 0], [-1] * 3]


@pytest.mark.parametrize("diversity", [0.0, 0.3, 1.0])
def test_a_list_is_the_beginning_of_a_longer_one(
    fused: Fused, context: RerankContext, diversity: float
) -> None:
    for page in (1, 5):
        long = rerank(*fused, context, diversity, k=25, head=12, page=page)
        for k in (1, 5, 12, 20):
            short = rerank(*fused, context, diversity, k=k, head=12, page=page)
            np.testing.assert_array_equal(short, long[:, :k])
    for user in range(len(long)):
        chosen = long[user][long[user] >= 0]
        assert len(set(chosen)) == len(chosen) == (fused[1][user] >= 0).sum()


def test_the_dial_means_the_same_on_any_scale(fused: Fused, context: RerankContext) -> None:
    scores, items = fused
    np.testing.assert_array_equal(
        rerank(scores, items, context, 0.4, k=10), rerank(scores * 64 + 8, items, context, 0.4, k=10)
    )


def test_one_user_alone_gets_the_same_list(fused: Fused, context: RerankContext) -> None:
    scores, items = fused
    together = rerank(scores, items, context, 0.4, k=10)
    for user in range(5):
        one = slice(user, user + 1)
        alone = rerank(scores[one], items[one], context.of(np.array([user])), 0.4, k=10)
        np.testing.assert_array_equal(alone, together[one])


def test_a_page_holds_what_was_taken_for_it_by_score(fused: Fused, context: RerankContext) -> None:
    scores, items = fused
    taken = rerank(scores, items, context, 0.6, k=12, page=1)
    shown = rerank(scores, items, context, 0.6, k=12, page=4)
    for start in (0, 4, 8):
        page = slice(start, start + 4)
        np.testing.assert_array_equal(np.sort(shown[:, page], axis=1), np.sort(taken[:, page], axis=1))
        found = np.where(shown[:, page] >= 0, np.take_along_axis(scores, shown[:, page], axis=1), -np.inf)
        assert np.all(found[:, :-1] >= found[:, 1:])


@pytest.mark.parametrize("name", RERANKERS)
def test_items_that_are_equal_in_everything_stay_in_the_order_of_their_positions(name: str) -> None:
    similarity = ItemSimilarity(np.ones((6, 1), dtype=np.float32))
    categories = np.ones((6, 3), dtype=bool)
    context = toys.context(name, similarity=similarity, categories=categories).of(np.arange(1))
    places = rerank(np.zeros((1, 6)), np.array([[5, 3, 4, 1, 0, 2]]), context, 0.6, k=6)
    assert places.tolist() == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize(("name", "sign"), [("mmr", 1), ("dpp", 1), ("calibrated", -1)])
def test_the_dial_turns_one_way(name: str, sign: int) -> None:
    scores, items, context, metric = toys.dial_toy(name)
    values = [metric(rerank(scores, items, context, dial, k=10)) for dial in (0, 0.25, 0.5, 0.75, 1)]
    assert np.all(np.diff(np.array(values)) * sign > 0), values


def test_likeness_is_a_mean_of_texts_and_categories() -> None:
    rng = np.random.default_rng(3)
    vectors = unit(rng.normal(size=(40, 8)).astype(np.float32))
    flags = rng.random((40, 6)) < 0.4
    flags[:, 0] |= ~flags.any(axis=1)
    flags[5], vectors[6] = False, 0
    own = unit(flags.astype(np.float32))
    joined = with_categories(vectors, flags, share=0.25)
    np.testing.assert_allclose(np.linalg.norm(joined, axis=1), 1, atol=1e-6)
    whole = np.delete(np.arange(40), [5, 6])
    expected = 0.75 * vectors[whole] @ vectors[whole].T + 0.25 * own[whole] @ own[whole].T
    np.testing.assert_allclose(joined[whole] @ joined[whole].T, expected, atol=1e-6)
    assert joined[5] @ joined[6] == 0  # one has texts only, the other categories only
    assert with_categories(vectors, np.zeros((40, 6), dtype=bool)) is vectors


def test_of_very_many_categories_likeness_is_nearly_the_same() -> None:
    rng = np.random.default_rng(4)
    flags = rng.random((200, 3000)) < 0.002
    flags[100:] = flags[:100]
    own = unit(flags.astype(np.float32))
    found = with_categories(np.zeros((200, 2), dtype=np.float32), flags)
    assert found.shape[1] < 200
    off = (found @ found.T - own @ own.T)[own.any(axis=1)][:, own.any(axis=1)]
    assert np.sqrt(np.mean(off**2)) < 0.1


def test_mean_text_vectors_are_unit_and_zero_without_texts() -> None:
    texts = np.random.default_rng(0).normal(size=(6, 3, 4)).astype(np.float32)
    texts[2] = 0
    vectors = mean_text_vectors(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0, 1, 1, 1], atol=1e-6)


def test_arguments_out_of_range_are_refused(fused: Fused) -> None:
    context = RerankContext(toys.similarity())
    with pytest.raises(ValueError, match=r"diversity must be between 0 and 1, got 1\.5"):
        rerank(*fused, context, 1.5, k=3)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        rerank(*fused, context, 0.5, k=0)
    with pytest.raises(ValueError, match="no reranker 'best'; choose one of mmr, dpp, calibrated"):
        rerank(*fused, replace(context, reranker="best"), 0.5, k=3)
    with pytest.raises(ValueError, match="calibrated re-ranking needs items' categories and users' tastes"):
        rerank(*fused, replace(context, reranker="calibrated"), 0.5, k=3)
    with pytest.raises(ValueError, match="category_cap 2 needs items' categories"):
        rerank(*fused, replace(context, category_cap=2), 0.5, k=3)


@pytest.mark.parametrize("name", RERANKERS)
def test_some_of_the_users_keep_their_own_tastes(name: str) -> None:
    weights = dict.fromkeys(toys.MATCHERS, 1 / 3)
    model = FusionModel(WEIGHTED, Normaliser("zscore"), weights, diversity=0.8)
    candidates, context, some = toys.random_candidates(), toys.context(name), np.array([7, 3, 21])
    everyone = model.lists(candidates, context, 6)
    np.testing.assert_array_equal(model.lists(candidates.take(some), context, 6), everyone[some])


def test_a_name_that_is_none_of_them_is_refused_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "polyrec.toml").write_text('[fusion]\nreranker = "best"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"fusion\.reranker.*'best'.*'mmr', 'dpp' or 'calibrated'"):
        load_settings(tmp_path / "polyrec.toml")


def test_settings_offer_what_is_registered() -> None:
    assert set(typing.get_args(Fusion.model_fields["reranker"].annotation)) == set(RERANKERS)
