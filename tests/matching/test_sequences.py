import numpy as np
import pytest

from tasks.matching.sequences import in_order, later_events, newest_items, windows
from tests.matching.toys import training_data

DATA = training_data([(0, 0, 1), (0, 1, 1), (0, 2, 2), (0, 3, 3), (2, 0, 5)], n_users=3, n_items=4)


def test_only_events_of_one_block_change_places() -> None:
    assert in_order(DATA, np.array([1, 0, 0, 0, 0])).tolist() == [1, 0, 2, 3, 4]
    assert in_order(DATA, np.array([9, 9, 5, 0, 0])).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(4))
def test_windows_hold_every_event_once_and_never_two_users(seed: int) -> None:
    user = np.repeat([0, 1, 3], [7, 1, 5])
    cut = windows(user, 4, 3, np.random.default_rng(seed))
    assert sorted(cut[cut >= 0].tolist()) == list(range(13))
    for row in cut:
        places = row[row >= 0]
        assert len(set(user[places])) == 1
        assert (np.diff(places) == 1).all()
        assert (row[len(places) :] == -1).all()


def test_windows_begin_elsewhere_each_time() -> None:
    rng = np.random.default_rng(0)
    assert len({tuple(windows(np.zeros(9, dtype=int), 1, 4, rng)[0]) for _ in range(40)}) == 4


def test_targets_are_in_later_blocks_the_nearer_the_likelier() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([later_events(DATA, 1.0, rng) for _ in range(3000)])
    assert set(drawn[:, 0]) == set(drawn[:, 1]) == {2, 3}
    assert (drawn[:, 2] == 3).all()
    assert (drawn[:, 3:] == -1).all()
    assert (drawn[:, 0] == 2).mean() == pytest.approx(2 / 3, abs=0.03)  # 1/2 against 1/4


def test_newest_items_are_the_last_ones_in_order() -> None:
    items, size = newest_items(DATA.user, DATA.item, 3, 2)
    assert items.tolist() == [[2, 3], [0, 0], [0, 0]]
    assert size.tolist() == [2, 0, 1]


def test_no_events_give_no_windows() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert windows(nothing, 2, 3, np.random.default_rng(0)).shape == (0, 3)
    assert newest_items(nothing, nothing, 2, 3)[1].tolist() == [0, 0]
