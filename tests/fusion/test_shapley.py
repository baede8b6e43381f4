"""Shapley values of games with known answers."""

import numpy as np
import pytest

from tasks.fusion.rerank import by_score
from tasks.fusion.shapley import membership_values, shapley_values

RANDOM = np.random.default_rng(7)


def test_additive_is_weight_times_score() -> None:
    weights, rows = RANDOM.random(9), RANDOM.normal(size=(10, 9))
    found = shapley_values(lambda scores: scores @ weights, rows)
    np.testing.assert_allclose(found, rows * weights, atol=1e-12)


def test_glove_game() -> None:
    """One left glove and two right ones: a pair is worth 1. The known answer is 2/3, 1/6, 1/6."""
    pair = shapley_values(lambda s: np.minimum(s[:, 0], s[:, 1] + s[:, 2]).clip(0, 1), np.ones((1, 3)))
    np.testing.assert_allclose(pair, [[2 / 3, 1 / 6, 1 / 6]])


def test_adds_up_above_the_base_and_gives_nothing_for_nothing() -> None:
    rows = RANDOM.normal(size=(6, 8))
    layer, out = RANDOM.normal(size=(8, 5)), RANDOM.normal(size=5)
    layer[3] = 0  # model 3 says nothing

    def network(scores: np.ndarray) -> np.ndarray:
        return np.tanh(scores @ layer + 0.3) @ out + 1

    found, base = shapley_values(network, rows), network(np.zeros_like(rows))
    assert abs(base).min() > 0.1
    np.testing.assert_allclose(found.sum(axis=1) + base, network(rows), atol=1e-9)
    np.testing.assert_allclose(found[:, 3], 0, atol=1e-12)
    np.testing.assert_allclose(found[2:3], shapley_values(network, rows[2:3]), atol=1e-12)


def test_value_may_know_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows come in whole sets, however small the blocks: what is known of a row can be repeated."""
    rows, weights = RANDOM.normal(size=(3, 4)), RANDOM.random((3, 4))

    def of_user(scores: np.ndarray) -> np.ndarray:
        return (scores * np.tile(weights, (len(scores) // 3, 1))).sum(axis=1)

    monkeypatch.setattr("tasks.fusion.shapley.BLOCK_ROWS", 7)
    np.testing.assert_allclose(shapley_values(of_user, rows), rows * weights, atol=1e-12)


def test_too_many_models() -> None:
    with pytest.raises(ValueError, match="at most 12 models, got 13"):
        shapley_values(lambda scores: scores[:, 0], np.zeros((1, 13)))


def test_membership_of_a_list_of_one() -> None:
    """Item 0 is first by model 0 alone and by both; item 1 by model 1 alone. With nobody there is no list."""
    normalised = np.array([[3.0, 0.0], [0.0, 1.0], [-3.0, -1.0]])
    held, values = membership_values(lambda s: s.sum(axis=1), normalised, lambda s: by_score(s, 1))
    assert held.tolist() == [0, 1]
    np.testing.assert_allclose(values, [[1.0, 0.0], [-0.5, 0.5]])


def test_membership_adds_up_to_being_listed() -> None:
    normalised, weights = RANDOM.normal(size=(40, 5)), RANDOM.random(5)
    held, values = membership_values(lambda s: s @ weights, normalised, lambda s: by_score(s, 10))
    listed = by_score((normalised @ weights)[None], 10)[0]
    np.testing.assert_allclose(values.sum(axis=1), np.isin(held, listed), atol=1e-12)
    assert set(listed) <= set(held.tolist())


def test_a_model_that_tells_nobody_apart_lists_nobody() -> None:
    normalised = np.column_stack([np.arange(5.0), np.zeros(5)])
    held, values = membership_values(lambda s: s.sum(axis=1), normalised, lambda s: by_score(s, 2))
    assert held.tolist() == [3, 4]
    np.testing.assert_allclose(values, [[1, 0], [1, 0]])
