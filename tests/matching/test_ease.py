import numpy as np
import pytest

from tasks.matching.base import MAX_ITEMS
from tasks.matching.contract import UserBatch
from tests.matching.refusal import refusal
from tests.matching.toys import checkerboard, plain_ease, training_data


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
