import numpy as np
import pytest

from tasks.matching import ease as ease_module
from tasks.matching.base import MAX_ITEMS
from tasks.matching.contract import UserBatch
from tasks.matching.ease import co_occurrences
from tests.matching.refusal import refusal
from tests.matching.toys import checkerboard, plain_ease, random_events, training_data


def test_weights_solve_the_constrained_ridge_regression() -> None:
    """B minimises |X - XB|^2 + regularisation |B|^2 with a zero diagonal: solved here column by column."""
    rng = np.random.default_rng(0)
    dense = rng.random((12, 5)) < 0.5
    events = [(int(user), int(item), 0) for user, item in zip(*np.nonzero(dense), strict=True)]
    ease = plain_ease(2.0)
    ease.fit(training_data(events, n_users=12, n_items=5))
    x = dense.astype(float)
    expected = np.zeros((5, 5))
    for item in range(5):
        others = np.delete(np.arange(5), item)
        gram = x[:, others].T @ x[:, others] + 2.0 * np.eye(4)
        expected[others, item] = np.linalg.solve(gram, x[:, others].T @ x[:, item])
    np.testing.assert_allclose(ease.score(UserBatch(np.arange(12))), x @ expected, rtol=1e-5, atol=1e-6)


def test_recency_weighs_the_history_that_the_model_is_applied_to() -> None:
    """Items 0 and 1 go together, and 2 and 3. One who has just turned from 0 to 2 wants 3 more than 1."""
    pairs = [(user, item, 0) for user in range(10) for item in ((0, 1) if user % 2 else (2, 3))]
    turned, undecided, only_0, only_2 = 10, 11, 12, 13
    events = [*pairs, (turned, 0, 1), (turned, 2, 2), (undecided, 0, 1), (undecided, 2, 1)]
    data = training_data([*events, (only_0, 0, 1), (only_2, 2, 1)], n_users=14, n_items=4)
    plain, recent = plain_ease(1.0), plain_ease(1.0, half_life_items=1.0)
    plain.fit(data)
    recent.fit(data)
    everyone = UserBatch(np.arange(14))
    without, scores = plain.score(everyone), recent.score(everyone)
    assert without[turned, 1] == pytest.approx(without[turned, 3], rel=1e-5)
    assert scores[turned, 3] > scores[turned, 1]
    np.testing.assert_allclose(scores[turned], 0.5 * without[only_0] + without[only_2], rtol=1e-5)
    # In a block of equal times there is no order: it is scored as without recency.
    np.testing.assert_allclose(scores[undecided], without[undecided], rtol=1e-6)


def test_a_user_without_history_scores_zero() -> None:
    ease = plain_ease(1.0)
    ease.fit(checkerboard())
    assert not ease.score(UserBatch(np.array([8]))).any()


def test_bad_parameters_and_too_many_items_are_refused() -> None:
    assert "greater than 0" in refusal("ease", "regularisation", 0)
    assert "greater than 0" in refusal("ease", "half_life_items", -1)
    with pytest.raises(ValueError, match=f"at most {MAX_ITEMS} items, got {MAX_ITEMS + 1}"):
        plain_ease(1.0).fit(training_data([], n_users=1, n_items=MAX_ITEMS + 1))


def naive(events: list[tuple[int, int, int]], n_items: int, half_life: float) -> np.ndarray:
    """By the definition: every two items of every user."""
    out = np.zeros((n_items, n_items))
    for user in {user for user, _, _ in events}:
        mine = [(item, time) for who, item, time in events if who == user]
        last = {item: max(time for it, time in mine if it == item) for item, _ in mine}
        back = {item: sum(time > last[item] for _, time in mine) for item in last}
        for one in last:
            for other in last:
                out[one, other] += 0.5 ** (abs(back[one] - back[other]) / half_life)
    return out


@pytest.mark.parametrize("pairs_at_once", [1, 7, 2_000_000])
def test_co_occurrences_are_sums_over_users(monkeypatch: pytest.MonkeyPatch, pairs_at_once: int) -> None:
    """However many pairs are added at once; also of an item that somebody had twice."""
    monkeypatch.setattr(ease_module, "PAIRS_AT_ONCE", pairs_at_once)
    events = [*random_events(1), (0, 3, 20), (0, 3, 21), (5, 2, 9)]
    near = co_occurrences(training_data(events, n_users=12, n_items=15), 3.0)
    np.testing.assert_allclose(near, naive(events, 15, 3.0), rtol=1e-12)
    assert (near == near.T).all()


def test_what_is_far_apart_is_left_out() -> None:
    events = [(0, item, item) for item in range(12)]
    near = co_occurrences(training_data(events, n_users=1, n_items=12), 1.0)
    assert near[0, 8] == 0.5**8
    assert near[0, 9] == 0


def test_it_takes_nobody_for_somebody_else() -> None:
    near = co_occurrences(training_data([(0, 0, 0), (1, 1, 0), (2, 2, 5)], n_users=3, n_items=3), 50.0)
    np.testing.assert_array_equal(near, np.eye(3))


def test_no_events_are_near_nothing() -> None:
    assert not co_occurrences(training_data([], n_users=1, n_items=2), 1.0).any()


def test_with_an_endless_half_life_it_is_who_has_what() -> None:
    data = training_data(random_events(2), n_users=12, n_items=15)
    gram = (data.seen.T @ data.seen).toarray()
    np.testing.assert_allclose(co_occurrences(data, 1e9), gram, rtol=1e-6)


def test_ease_prefers_what_was_done_in_the_same_evening() -> None:
    """Everybody has items 0, 1 and 2, but 1 in the evening of 0, and 2 much later."""
    events = [(user, item, item) for user in range(8) for item in (0, 1)]
    events += [(user, item, item) for user in range(8) for item in range(3, 9)]
    events += [(user, 2, 20) for user in range(8)]
    data = training_data([*events, (8, 0, 0)], n_users=9, n_items=9)
    asked = UserBatch(np.array([8]))
    plain = plain_ease(2.0)
    near = plain_ease(2.0, temporal_co_occurrence=1.0, co_occurrence_half_life_items=2.0)
    plain.fit(data)
    near.fit(data)
    assert plain.score(asked)[0, 1] == pytest.approx(plain.score(asked)[0, 2], rel=1e-5)
    assert near.score(asked)[0, 1] > 1.5 * near.score(asked)[0, 2]


def test_bad_parameters_are_refused() -> None:
    assert "greater than or equal to 0" in refusal("ease", "temporal_co_occurrence", -1)
    assert "greater than 0" in refusal("ease", "co_occurrence_half_life_items", 0)
