from dataclasses import replace

import numpy as np
import pytest

from tasks.arrays.vectors import unit
from tasks.matching.contract import TrainingData, UserBatch
from tasks.matching.factor_map import FactorMap, predicted_columns
from tasks.settings.matchers import FactorMapSettings
from tests.matching.refusal import refusal
from tests.matching.toys import plain_ease, training_data

N_USERS, N_ITEMS = 12, 10  # the last two items are new


def two_camps() -> TrainingData:
    """Users and items of two camps, told by the sign of the first dimension; items 8 and 9 have no events."""
    rng = np.random.default_rng(0)
    events = [
        (user, item, int(rng.integers(100)))
        for user in range(N_USERS)
        for item in range(8)
        if item % 2 == user % 2 and rng.random() < 0.7
    ]
    vectors = 0.3 * rng.normal(size=(N_ITEMS, 6))
    vectors[0::2, 0] += 1
    vectors[1::2, 0] -= 1
    return replace(
        training_data(events, N_USERS, N_ITEMS, np.zeros((N_ITEMS, 1, 6))),
        item_vectors=unit(vectors.astype(np.float32)),
    )


def test_without_a_ridge_known_columns_come_back() -> None:
    rng = np.random.default_rng(1)
    content = unit(rng.normal(size=(6, 8)).astype(np.float32))
    columns = rng.normal(size=(6, 4)).astype(np.float32)
    known = np.array([0, 2, 3, 5])
    found = predicted_columns(content, known, columns, ridge=1e-9, width=3.0)
    np.testing.assert_allclose(found[:, known], columns, atol=1e-4)


def test_a_twin_of_a_known_item_gets_its_column_and_a_strong_ridge_shrinks_all() -> None:
    content = np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32)
    columns = np.array([[2.0, -1.0]], dtype=np.float32)
    found = predicted_columns(content, np.array([0, 1]), columns, ridge=1e-9, width=50.0)
    np.testing.assert_allclose(found, [[2, -1, 2]], atol=1e-5)
    assert abs(predicted_columns(content, np.array([0, 1]), columns, ridge=1e6, width=50.0)).max() < 1e-4


def test_new_items_of_the_own_camp_are_liked_where_ease_knows_nothing() -> None:
    data = two_camps()
    ease = plain_ease(1.0)
    ease.fit(data)
    everyone = UserBatch(np.arange(N_USERS))
    assert not ease.score(everyone)[:, 8:].any()
    matcher = FactorMap(FactorMapSettings(regularisation=1.0, ridge=0.1))
    matcher.fit(data)
    scores = matcher.score(everyone)
    assert (scores[0::2, 8] > scores[0::2, 9]).all()
    assert (scores[1::2, 9] > scores[1::2, 8]).all()


def test_items_without_content_score_zero() -> None:
    data = two_camps()
    vectors = data.item_vectors.copy()
    vectors[9] = 0
    matcher = FactorMap(FactorMapSettings(regularisation=1.0, ridge=1.0))
    matcher.fit(replace(data, item_vectors=vectors))
    assert not matcher.score(UserBatch(np.arange(N_USERS)))[:, 9].any()


@pytest.mark.parametrize("key", ["regularisation", "ridge", "width"])
def test_wrong_settings_say_where_to_set_them(key: str) -> None:
    assert "greater than 0" in refusal("factor_map", key, 0.0)
