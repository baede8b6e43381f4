from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.sparse import csr_matrix

from tasks.matching import registry
from tasks.matching.contract import UserBatch
from tasks.matching.popularity import Popularity
from tasks.matching.retrieve import SCHEMA, Retrieval, top_items
from tasks.settings.matchers import PopularitySettings
from tasks.settings.matching import Matching
from tests.matching.toys import N_ITEMS, N_USERS, UNKNOWN_USER, checkerboard

PROPOSING = [name for name in Matching().matchers if registry.KINDS[name].matcher.proposes]


def candidates(block: int = 4, m: int = 2) -> pl.DataFrame:
    data = checkerboard()
    matchers = [registry.build(name, Matching()) for name in Matching().matchers]
    for matcher in matchers:
        matcher.fit(data)
    return pl.concat(Retrieval(matchers, data, block, m).candidates(np.arange(N_USERS)))


def test_top_items_orders_by_score_then_code() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, (40, 30)).astype(np.float32)  # many ties
    allowed = rng.random((40, 30)) < 0.7
    for m in (1, 7, 30, 35):
        for row, found in enumerate(top_items(scores, m, allowed)):
            ordered = sorted(np.flatnonzero(allowed[row]), key=lambda item: (-scores[row, item], item))[:m]
            assert found.tolist() == ordered + [-1] * (m - len(ordered))


def test_frames_hold_every_matcher_for_every_candidate() -> None:
    frame = candidates()
    assert frame.schema == pl.Schema(SCHEMA)
    per_pair = frame.group_by("user", "item").agg(pl.col("matcher").n_unique())
    assert per_pair["matcher"].unique().to_list() == [len(Matching().matchers)]
    assert frame.select("user", "item", "matcher").is_duplicated().sum() == 0


def test_candidates_are_the_union_of_the_own_tops_without_what_was_seen() -> None:
    data, frame = checkerboard(), candidates(m=2)
    seen = data.seen.toarray()
    assert not any(seen[user, item] for user, item in frame.select("user", "item").iter_rows())
    for name in PROPOSING:
        matcher = registry.build(name, Matching())
        matcher.fit(data)
        top = top_items(matcher.score(UserBatch(np.arange(N_USERS))), 2, seen == 0)
        own = frame.filter(pl.col("matcher") == name, pl.col("own_rank").is_not_null())
        found = own.sort("user", "own_rank")
        assert found["item"].to_list() == top.ravel().tolist()
        assert found["own_rank"].to_list() == [1, 2] * N_USERS
    proposed = frame.group_by("user", "item").agg(pl.col("own_rank").is_not_null().any())
    assert proposed["own_rank"].all()


def test_what_was_seen_only_is_no_candidate_and_teaches_nothing() -> None:
    data, frame = checkerboard(), candidates(m=N_ITEMS)
    user, item = frame.select("user", "item").row(0)
    seen_only = csr_matrix(([1.0], ([user], [item])), shape=(N_USERS, N_ITEMS), dtype=np.float32)
    told = replace(data, seen_only=seen_only)
    assert told.had[user, item] == 1 and told.had.nnz == data.seen.nnz + 1
    matcher = Popularity(PopularitySettings())
    found = []
    for one in (data, told):
        matcher.fit(one)
        found.append(pl.concat(Retrieval([matcher], one, 4, N_ITEMS).candidates(np.arange(N_USERS))))
    gone = found[0].join(found[1], on=["user", "item", "score"], how="anti")
    assert gone.select("user", "item").rows() == [(user, item)] and found[1].height == found[0].height - 1


def test_scores_are_those_of_the_matrix() -> None:
    data, frame = checkerboard(), candidates()
    for (name,), rows in frame.group_by("matcher"):
        matcher = registry.build(str(name), Matching())
        matcher.fit(data)
        matrix = matcher.score(UserBatch(np.arange(N_USERS)))
        expected = matrix[rows["user"].to_numpy(), rows["item"].to_numpy()]
        np.testing.assert_allclose(rows["score"].to_numpy(), expected, rtol=1e-5, atol=1e-6)


def test_block_size_does_not_matter() -> None:
    order = ["user", "item", "matcher"]
    one, many = candidates(block=1).sort(order), candidates(block=100).sort(order)
    assert_frame_equal(one, many, rel_tol=1e-5, abs_tol=1e-6)


def test_only_text_matchers_name_a_slot_and_only_for_known_users() -> None:
    slots = candidates().with_columns(pl.col("matcher").str.starts_with("cosine").alias("of_texts"))
    assert slots.filter(~pl.col("of_texts"))["slot"].is_null().all()
    known = slots.filter(pl.col("of_texts"), pl.col("user") != UNKNOWN_USER)
    assert known["slot"].is_not_null().all()
    assert slots.filter(pl.col("user") == UNKNOWN_USER)["slot"].is_null().all()


def test_scoring_seconds_are_counted_per_matcher() -> None:
    data, seconds = checkerboard(), {}
    popularity = Popularity(PopularitySettings(half_life_days=1.0))
    popularity.fit(data)
    retrieval = Retrieval([popularity], data, 2, N_ITEMS, seconds=seconds)
    list(retrieval.candidates(np.arange(N_USERS)))
    assert list(seconds) == ["popularity"]
    assert seconds["popularity"] > 0


def test_scores_that_cannot_be_ordered_are_refused() -> None:
    class Broken(Popularity):
        def score(self, users: UserBatch) -> np.ndarray:
            scores = super().score(users)
            scores[0, 3] = np.nan
            return scores

    data, broken = checkerboard(), Broken(PopularitySettings(half_life_days=1.0))
    broken.fit(data)
    with pytest.raises(ValueError, match="popularity gave nan for user code 0, item code 3"):
        list(Retrieval([broken], data, 2, 2).candidates(np.arange(N_USERS)))


def test_a_block_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0 and 2"):
        Retrieval([], checkerboard(), 0, 2)


@pytest.mark.parametrize("name", PROPOSING)
def test_what_may_not_be_recommended_is_never_proposed_but_learned_from(name: str) -> None:
    data = checkerboard()
    matcher = registry.build(name, Matching())
    matcher.fit(data)
    everyone, every = np.arange(N_USERS), np.ones(N_ITEMS, dtype=bool)
    free = pl.concat(Retrieval([matcher], data, 4, N_ITEMS).candidates(everyone))
    assert free.equals(pl.concat(Retrieval([matcher], data, 4, N_ITEMS, every).candidates(everyone)))
    shown = every.copy()
    shown[[0, 3]] = False
    some = pl.concat(Retrieval([matcher], data, 4, N_ITEMS, shown).candidates(everyone))
    assert {0, 3} & set(free["item"])
    assert not {0, 3} & set(some["item"])
    kept = free.filter(~pl.col("item").is_in([0, 3]))  # scored as before: the others are still in histories
    assert_frame_equal(some.drop("own_rank"), kept.drop("own_rank"))
    assert pl.concat(Retrieval([matcher], data, 4, 2, ~every).candidates(everyone)).is_empty()
