"""What holds for every matcher."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from tasks.arrays.vectors import unit
from tasks.matching import registry
from tasks.matching.base import ARRAYS
from tasks.matching.contract import (
    Matcher,
    PairBatch,
    TrainingData,
    UserBatch,
    VisitorBatch,
)
from tasks.settings.matching import Matching
from tests.matching.toys import HELD_BACK, N_ITEMS, N_USERS, UNKNOWN_USER, checkerboard, training_data

FOLDER = Path(tempfile.mkdtemp(prefix="polyrec-external-"))
EXTERNAL = {"external": [{"name": "external", "files": str(FOLDER / "{fit}.parquet")}]}
# Settings that are quick to fit, and settings for a handful of events.
DEFAULTS = Matching.model_validate({"sasrec": {"epochs": 2}, **EXTERNAL})
TOY_SIZED = Matching.model_validate(
    {
        "ease": {"regularisation": 1},
        "slit": {"regularisation": 1},
        "ease_plain": {"regularisation": 1},
        "ials": {"factors": 4, "unobserved": 0.1},
        "sasrec": {"factors": 8, "epochs": 20, "dropout": 0, "learning_rate": 0.01},
        "factor_map": {"regularisation": 1, "ridge": 0.1},
        "two_tower": {"epochs": 40, "learning_rate": 0.01},
        **EXTERNAL,
    }
)
NAMES = sorted([*registry.KINDS, "external"])
PERSONAL = sorted(set(NAMES) - {"popularity", "inverse_popularity", "search_keyword", "search_semantic"})


@pytest.fixture(scope="module", autouse=True)
def external_scores() -> Iterator[None]:
    """Files in which each known user has scored the items of the own camp."""
    rows = [
        {"user_id": f"u{user}", "item_id": f"i{item}", "score": 1.0 + item / N_ITEMS}
        for user in range(UNKNOWN_USER)
        for item in range(N_ITEMS)
        if item % 2 == user % 2
    ]
    frame = pl.DataFrame(rows)
    frame.write_parquet(FOLDER / "train.parquet")
    frame.clear().write_parquet(FOLDER / "empty.parquet")
    yield
    shutil.rmtree(FOLDER)


@pytest.fixture
def data() -> TrainingData:
    return checkerboard()


@pytest.fixture(params=NAMES)
def matcher(request: pytest.FixtureRequest, data: TrainingData) -> Matcher:
    built = registry.build(request.param, DEFAULTS)
    built.fit(data)
    return built


def everyone() -> UserBatch:
    return UserBatch(np.arange(N_USERS))


def test_scores_are_a_float32_matrix(matcher: Matcher) -> None:
    scores = matcher.score(everyone())
    assert scores.shape == (N_USERS, N_ITEMS)
    assert scores.dtype == np.float32


def test_batch_equals_single(matcher: Matcher) -> None:
    single = np.concatenate([matcher.score(UserBatch(np.array([user]))) for user in range(N_USERS)])
    np.testing.assert_allclose(matcher.score(everyone()), single, rtol=1e-5, atol=1e-6)


def test_rows_follow_the_order_asked_for(matcher: Matcher) -> None:
    users = np.array([5, 0, 8, 5])
    expected = matcher.score(everyone())[users]
    np.testing.assert_allclose(matcher.score(UserBatch(users)), expected, rtol=1e-5, atol=1e-6)


def test_pairs_equal_the_matrix(matcher: Matcher) -> None:
    rng = np.random.default_rng(1)
    users, items = rng.integers(0, N_USERS, 300), rng.integers(0, N_ITEMS, 300)
    pairs = matcher.score_pairs(PairBatch(users, items))
    assert pairs.dtype == np.float32
    np.testing.assert_allclose(pairs, matcher.score(everyone())[users, items], rtol=1e-5, atol=1e-6)


def test_a_visitor_with_a_users_history_gets_that_users_scores(matcher: Matcher, data: TrainingData) -> None:
    items = [data.item[data.user == user] for user in range(N_USERS)]
    start = np.cumsum([0, *map(len, items)])
    visitors = VisitorBatch(np.concatenate(items), start, data.interests, [""] * N_USERS)
    scores = matcher.score_visitors(visitors)
    assert scores.dtype == np.float32
    if matcher.name == "external":  # a file knows no visitors
        assert not scores.any()
    else:
        np.testing.assert_allclose(scores, matcher.score(everyone()), rtol=1e-5, atol=1e-5)


def test_no_users_and_no_pairs_give_nothing(matcher: Matcher) -> None:
    nobody = np.zeros(0, dtype=np.int64)
    assert matcher.score(UserBatch(nobody)).shape == (0, N_ITEMS)
    assert matcher.score_pairs(PairBatch(nobody, nobody)).shape == (0,)


def test_two_fits_with_one_seed_are_equal(matcher: Matcher, data: TrainingData) -> None:
    again = registry.build(matcher.name, DEFAULTS)
    again.fit(data)
    np.testing.assert_array_equal(again.score(everyone()), matcher.score(everyone()))


def test_an_unknown_user_gets_finite_scores(matcher: Matcher) -> None:
    assert np.isfinite(matcher.score(UserBatch(np.array([UNKNOWN_USER])))).all()
    pairs = PairBatch(np.full(N_ITEMS, UNKNOWN_USER), np.arange(N_ITEMS))
    assert np.isfinite(matcher.score_pairs(pairs)).all()


def test_no_events_and_no_vectors_give_finite_scores(matcher: Matcher) -> None:
    matcher.fit(training_data([], n_users=2, n_items=3))
    assert np.isfinite(matcher.score(UserBatch(np.arange(2)))).all()


ODD = {
    "one event each": [(user, user, 5) for user in range(4)],
    "all at one time": [(user, item, 7) for user in range(4) for item in range(4)],
    "one item": [(user, 0, user) for user in range(4)],
    "the same again and again": [(0, 1, time) for time in range(60)],
}


@pytest.mark.parametrize("events", ODD.values(), ids=ODD)
def test_odd_histories_give_finite_scores(matcher: Matcher, events: list[tuple[int, int, int]]) -> None:
    """Users and items without events, texts, vectors and categories are among them."""
    matcher.fit(training_data(events, n_users=6, n_items=5) if matcher.name != "external" else checkerboard())
    assert np.isfinite(matcher.score(UserBatch(np.arange(6)))).all()


SMALL = {
    "one user and one item": (1, 1, [(0, 0, 1)]),
    "one user": (1, 4, [(0, 2, 1), (0, 0, 2), (0, 1, 3)]),
    "one item": (4, 1, [(user, 0, user) for user in range(4)]),
    "everybody has everything": (3, 3, [(user, item, item) for user in range(3) for item in range(3)]),
    "everybody has the same": (3, 4, [(user, item, item) for user in range(3) for item in range(2)]),
    "two of each": (2, 2, [(0, 0, 1), (1, 1, 2)]),
}


@pytest.mark.parametrize("name", sorted(registry.KINDS))
@pytest.mark.parametrize(("n_users", "n_items", "events"), SMALL.values(), ids=SMALL)
def test_a_small_world_ends_with_finite_scores(
    name: str, n_users: int, n_items: int, events: list[tuple[int, int, int]], tmp_path: Path
) -> None:
    """Nothing may be drawn for ever where there is nothing to draw, nor divided by nothing."""
    texts = unit(np.random.default_rng(0).normal(size=(n_items, 2, 4)).astype(np.float32))
    interests = np.zeros((n_users, 1, 4), dtype=np.float32)  # as of users whose items have no vector
    matcher = registry.build(name, DEFAULTS)
    matcher.fit(training_data(events, n_users, n_items, texts, interests))
    scores = matcher.score(UserBatch(np.arange(n_users)))
    assert scores.shape == (n_users, n_items)
    assert np.isfinite(scores).all()
    visitor = VisitorBatch(np.zeros(1, dtype=np.int64), np.array([0, 1]), interests[:1], [""])
    assert np.isfinite(matcher.score_visitors(visitor)).all()
    matcher.save(tmp_path / "model")
    again = registry.load(tmp_path / "model").score(UserBatch(np.arange(n_users)))
    np.testing.assert_array_equal(again, scores)


def test_ratings_that_are_all_the_same_give_finite_scores(matcher: Matcher, data: TrainingData) -> None:
    for value in (0.0, 5.0, -1.0):
        matcher.fit(replace(data, value=np.full_like(data.value, value)))
        assert np.isfinite(matcher.score(everyone())).all()


def test_items_without_texts_vectors_or_categories_give_finite_scores(
    matcher: Matcher, data: TrainingData
) -> None:
    bare: dict[str, Any] = {
        "text_vectors": data.text_vectors.copy(),
        "item_vectors": np.ones((N_ITEMS, data.text_vectors.shape[2]), dtype=np.float32),
        "categories": data.categories.copy(),
    }
    for array in bare.values():
        array[[0, 3]] = 0
    matcher.fit(replace(data, **bare))
    assert np.isfinite(matcher.score(everyone())).all()


def test_save_and_load_round_trip(matcher: Matcher, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    matcher.save(folder)
    loaded = registry.load(folder)
    assert (loaded.name, loaded.parameters()) == (matcher.name, matcher.parameters())
    np.testing.assert_array_equal(loaded.score(everyone()), matcher.score(everyone()))
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}


def test_visitors_are_scored_without_what_was_kept_of_users(
    matcher: Matcher, data: TrainingData, tmp_path: Path
) -> None:
    history = np.array([1, 3, 5, 0])
    visitors = VisitorBatch(history, np.array([0, 3, 4]), data.interests[:2], ["", ""])
    before = matcher.score_visitors(visitors)
    if not matcher.forget_users():
        assert matcher.name == "infinite_ae"  # it compares people with people
        return
    matcher.save(tmp_path)
    loaded = registry.load(tmp_path)
    np.testing.assert_array_equal(loaded.score_visitors(visitors), before)
    with pytest.raises(ValueError, match="user codes"):
        loaded.score(everyone())
    of_items = ("similar_start", "bm25_start")  # as many as there are users, as it happens
    kept = {key: len(array) for key, array in load_file(tmp_path / ARRAYS).items() if key not in of_items}
    assert not {N_USERS, N_USERS + 1} & set(kept.values())


@pytest.mark.parametrize("name", PERSONAL)
def test_checkerboard_ranks_the_held_back_item_of_the_own_camp_first(name: str, data: TrainingData) -> None:
    matcher = registry.build(name, TOY_SIZED)
    matcher.fit(data)
    scores = matcher.score(everyone())
    for user, item in HELD_BACK.items():
        unseen = np.flatnonzero(data.seen[user].toarray()[0] == 0)
        assert unseen[scores[user, unseen].argmax()] == item


def test_unfitted_says_what_to_do(matcher: Matcher, tmp_path: Path) -> None:
    fresh = registry.build(matcher.name, DEFAULTS)
    with pytest.raises(RuntimeError, match=f"{matcher.name} is not fitted; call fit or load"):
        fresh.score(everyone())
    with pytest.raises(RuntimeError, match="is not fitted"):
        fresh.save(tmp_path)


@pytest.mark.parametrize("user", [-1, N_USERS])
def test_a_user_code_outside_the_window_is_refused(matcher: Matcher, user: int) -> None:
    with pytest.raises(ValueError, match=rf"between 0 and {N_USERS - 1}, got {user}"):
        matcher.score(UserBatch(np.array([user])))
    with pytest.raises(ValueError, match="user codes"):
        matcher.score_pairs(PairBatch(np.array([user]), np.array([0])))


@pytest.mark.parametrize("name", NAMES)
def test_given_events_are_history_and_nothing_is_learned_from_them(name: str, data: TrainingData) -> None:
    """User 0 is unseen but for two events: others are scored as if these were not, user 0 by them."""
    mine = data.user == 0
    first = np.flatnonzero(mine)[:2]
    given = np.isin(np.arange(len(mine)), first)
    kept = given | ~mine

    def fitted(keep: np.ndarray, given: np.ndarray | None) -> Matcher:
        events = {name: getattr(data, name)[keep] for name in ("user", "item", "value", "time")}
        matcher = registry.build(name, DEFAULTS)
        matcher.fit(replace(data, **events, given=given))
        return matcher

    without, known, learned = fitted(~mine, None), fitted(kept, given[kept]), fitted(kept, None)
    others = UserBatch(np.arange(1, N_USERS))
    np.testing.assert_array_equal(known.score(others), without.score(others))
    me = UserBatch(np.array([0]))
    if name in ("ease", "slit", "ease_plain", "ials", "sasrec"):
        assert not without.score(me).any()
        assert known.score(me).any()
    if not name.startswith(("cosine", "content", "search", "external", "relevance")):  # learn from no events
        assert (learned.score(others) != known.score(others)).any()
