import numpy as np

from tasks.matching.contract import IntArray, TrainingData
from tasks.matching.training_prefixes import pasts, with_past
from tests.matching.toys import training_data


def two_users() -> TrainingData:
    """User 0: item 0, then 1 and 2 at once, then 3. User 1: 4 and 5 at once, then 0."""
    return training_data(
        [(0, 0, 1), (0, 1, 2), (0, 2, 2), (0, 3, 3), (1, 4, 7), (1, 5, 7), (1, 0, 9)], n_users=2, n_items=6
    )


def weights(events: list[int], reach: int = 10) -> np.ndarray:
    data, chosen = two_users(), np.array(events)
    return pasts(data, chosen, reach).weighted(data, len(events), half_life_items=1.0).toarray()


def test_only_events_after_the_first_block_have_a_past() -> None:
    assert with_past(two_users()).tolist() == [1, 2, 3, 6]
    assert with_past(training_data([], 1, 1)).tolist() == []


def test_a_past_ends_before_the_block_and_members_of_a_block_weigh_alike() -> None:
    expected = [[1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0.25, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1]]
    np.testing.assert_array_equal(weights([1, 2, 3, 6]), expected)


def test_a_first_block_has_no_past_not_even_another_users() -> None:
    assert not weights([0, 4, 5]).any()


def test_reach_cuts_whole_blocks() -> None:
    np.testing.assert_array_equal(weights([3], reach=1), [[0, 1, 1, 0, 0, 0]])
    np.testing.assert_array_equal(weights([3], reach=3), [[0.25, 1, 1, 0, 0, 0]])


def test_no_events_have_no_pasts() -> None:
    nothing: IntArray = np.zeros(0, dtype=np.int64)
    assert pasts(training_data([], 1, 1), nothing, 5).weighted(two_users(), 0, 1.0).shape == (0, 6)
