import numpy as np
import pytest

from tasks.arrays.recency import positions_back, recency_weights


def test_positions_count_strictly_later_events_of_the_same_user() -> None:
    user = np.array([0, 0, 0, 0, 2, 2, 5])
    time = np.array([1, 3, 3, 9, 4, 4, 0])
    assert positions_back(user, time).tolist() == [3, 1, 1, 0, 0, 0, 0]


def test_positions_agree_with_loops() -> None:
    rng = np.random.default_rng(0)
    user, time = rng.integers(0, 6, 200), rng.integers(0, 10, 200)
    order = np.lexsort((time, user))
    user, time = user[order], time[order]
    naive = [int(((user == u) & (time > t)).sum()) for u, t in zip(user, time, strict=True)]
    assert positions_back(user, time).tolist() == naive


def test_no_events_have_no_positions() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert positions_back(nothing, nothing).shape == (0,)


@pytest.mark.parametrize(("user", "time"), [([1, 0], [0, 0]), ([0, 0], [2, 1])])
def test_unsorted_events_are_refused(user: list[int], time: list[int]) -> None:
    with pytest.raises(ValueError, match="sorted by user, then time"):
        positions_back(np.array(user), np.array(time))


def test_weights_halve_every_half_life() -> None:
    positions = np.array([0, 2, 4])
    assert recency_weights(positions, 2.0).tolist() == [1, 0.5, 0.25]
    assert recency_weights(positions, None).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="above 0 items, got 0"):
        recency_weights(positions, 0)
