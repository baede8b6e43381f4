from dataclasses import replace

import numpy as np
import pytest

from tasks.matching.contract import PairBatch, UserBatch, VisitorBatch
from tests.matching.toys import checkerboard, training_data


def test_seen_counts_repeated_events_once() -> None:
    data = training_data([(0, 1, 10), (0, 1, 20), (1, 0, 5)], n_users=3, n_items=2)
    np.testing.assert_array_equal(data.seen.toarray(), [[0, 1], [1, 0], [0, 0]])


def test_the_heaviest_of_repeated_events_counts() -> None:
    data = training_data([(0, 1, 10), (0, 1, 20), (0, 0, 30)], n_users=1, n_items=2)
    matrix = data.weighted(np.array([0.25, 0.5, 1.0]))
    np.testing.assert_array_equal(matrix.toarray(), [[1.0, 0.5]])


def test_positions_back_are_those_of_the_user() -> None:
    data = training_data([(0, 0, 1), (0, 1, 1), (0, 2, 2), (1, 0, 9)], n_users=2, n_items=3)
    assert data.position_back.tolist() == [1, 1, 0, 0]


def test_bad_data_is_refused_by_name() -> None:
    data = checkerboard()
    with pytest.raises(ValueError, match="item codes must be between 0 and 7, got 0 to 8"):
        replace(data, item=np.append(data.item[:-1], 8))
    with pytest.raises(ValueError, match="sorted by user, then time"):
        replace(data, user=data.user[::-1])
    with pytest.raises(ValueError, match="value must be one value an event"):
        replace(data, value=data.value[:-1])
    with pytest.raises(ValueError, match="value holds NaN"):
        replace(data, value=np.full_like(data.value, np.nan))
    with pytest.raises(ValueError, match=r"text_vectors must have shape \(8, K, D\)"):
        replace(data, text_vectors=data.text_vectors[:-1])
    with pytest.raises(ValueError, match=r"interests must have shape \(9, I, 6\)"):
        replace(data, interests=data.interests[:, :, :-1])


def test_pairs_need_as_many_users_as_items() -> None:
    with pytest.raises(ValueError, match="as many users as items"):
        PairBatch(np.arange(2), np.arange(3))


def test_blocks_keep_order_and_lose_nobody() -> None:
    blocks = [batch.users.tolist() for batch in UserBatch(np.array([4, 3, 2, 1, 0])).blocks(2)]
    assert blocks == [[4, 3], [2, 1], [0]]


def test_the_last_thing_that_a_visitor_did_weighs_most() -> None:
    visitors = VisitorBatch(
        np.array([2, 0, 1]), np.array([0, 2, 2, 3]), np.zeros((3, 1, 2), np.float32), [""] * 3
    )
    history = visitors.history(n_items=3, half_life_items=1.0)
    np.testing.assert_array_equal(history.toarray(), [[1, 0, 0.5], [0, 0, 0], [0, 1, 0]])


def test_visitors_that_do_not_fit_together_are_refused() -> None:
    interests = np.zeros((1, 1, 2), np.float32)
    with pytest.raises(ValueError, match="start must ascend from 0 to 2"):
        VisitorBatch(np.array([0, 1]), np.array([0, 1]), interests, [""])
    with pytest.raises(ValueError, match="1 visitors need interests"):
        VisitorBatch(np.array([0]), np.array([0, 1]), interests, [])


def test_the_latest_items_are_distinct_and_the_newest_stands_last() -> None:
    events = [(0, 0, 1), (0, 1, 2), (0, 0, 3), (0, 2, 4), (2, 3, 9)]
    data = training_data(events, n_users=3, n_items=4)
    assert data.latest(2).tolist() == [[0, 2], [-1, -1], [-1, 3]]
    assert data.latest(4)[0].tolist() == [-1, 1, 0, 2]


def test_items_of_one_time_are_latest_in_a_drawn_order() -> None:
    data = training_data([(0, item, 5) for item in range(6)], n_users=1, n_items=6)
    orders = {tuple(replace(data, seed=seed).latest(6)[0]) for seed in range(20)}
    assert len(orders) > 10
    assert all(sorted(order) == list(range(6)) for order in orders)
    assert data.latest(3)[0].tolist() == data.latest(6)[0, 3:].tolist()
