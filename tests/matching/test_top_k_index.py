"""Matchers that search instead of scoring everything: retrieval gives the same."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.matching import registry, top_k_index
from tasks.matching.contract import Matcher, TrainingData
from tasks.matching.retrieve import Retrieval
from tasks.matching.top_k_index import top_k_indexes
from tasks.settings.matching import Matching
from tests.matching.toys import training_data

N_USERS, N_ITEMS = 30, 700
NAMES = ("cosine_max", "cosine_mean", "cosine_logsumexp", "cosine_attention", "popularity")


@pytest.fixture(scope="module")
def data() -> TrainingData:
    rng = np.random.default_rng(0)
    events = {(int(u), int(i)): int(t) for u, i, t in rng.integers(0, (N_USERS - 1, N_ITEMS, 99), (600, 3))}
    texts, interests = rng.normal(size=(N_ITEMS, 3, 12)), rng.normal(size=(N_USERS, 2, 12))
    texts[rng.random((N_ITEMS, 3)) < 0.2] = 0
    interests[::3, 1] = 0
    interests[-1] = 0
    rows = [(user, item, time) for (user, item), time in events.items()]
    return training_data(rows, N_USERS, N_ITEMS, texts, interests)


@pytest.fixture(scope="module")
def matchers(data: TrainingData) -> list[Matcher]:
    built = [registry.build(name, Matching()) for name in NAMES]
    for matcher in built:
        matcher.fit(data)
    return built


def candidates(matchers: list[Matcher], data: TrainingData, settings: Matching) -> pl.DataFrame:
    recommendable = np.arange(N_ITEMS) % 5 > 0
    found = top_k_indexes(matchers, settings, seed=0)
    retrieval = Retrieval(matchers, data, 7, 10, recommendable, indexes=found)
    return pl.concat(retrieval.candidates(np.arange(N_USERS))).sort("user", "matcher", "item")


def test_small_catalogues_are_not_searched(matchers: list[Matcher]) -> None:
    assert top_k_indexes(matchers, Matching(), seed=0) == {}


def test_exact_search_gives_what_rows_of_scores_give(matchers: list[Matcher], data: TrainingData) -> None:
    found = top_k_indexes(matchers, Matching(search_texts=1), seed=0)
    assert set(found) == {"cosine_max", "cosine_mean"}
    assert {search.recall for search in found.values()} == {1.0}
    assert_frame_equal(
        candidates(matchers, data, Matching(search_texts=1)),
        candidates(matchers, data, Matching()),
        rel_tol=1e-5,
        abs_tol=1e-6,
    )


def test_a_device_proposes_the_same(
    matchers: list[Matcher], data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top_k_index, "accelerator", lambda: "cpu")
    found = candidates(matchers, data, Matching(search_texts=1))
    assert_frame_equal(found, candidates(matchers, data, Matching()), rel_tol=1e-5, abs_tol=1e-6)


def test_an_index_proposes_nearly_the_same(matchers: list[Matcher], data: TrainingData) -> None:
    settings = Matching(search_texts=1, ann_texts=1, ann_recall=0.9, candidates=10)
    assert all(0.9 <= search.recall <= 1 for search in top_k_indexes(matchers, settings, seed=0).values())
    own = (
        pl.col("own_rank").is_not_null()
        & (pl.col("matcher") == "cosine_max")
        & (pl.col("user") < N_USERS - 1)
    )
    nearly, exact = (
        candidates(matchers, data, of).filter(own).select("user", "item") for of in (settings, Matching())
    )
    assert nearly.join(exact, on=["user", "item"]).height >= 0.85 * exact.height
    assert set(nearly["item"] % 5) == {1, 2, 3, 4}
