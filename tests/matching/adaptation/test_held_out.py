"""The last block of each train history is held out; samples of users and items."""

import numpy as np
import pytest

from tasks.matching.adaptation.held_out import HeldOut, Size, hold_out
from tests.matching.toys import training_data

# u0: two events at the last time, one of an item that was had before; u1: one block alone; u2: plain.
EVENTS = [(0, 0, 1), (0, 1, 2), (0, 2, 3), (0, 0, 3), (1, 0, 5), (1, 1, 5), (2, 3, 1), (2, 1, 2)]


def held(least: float | None = None, recommendable: tuple[int, ...] = (0, 1, 2, 3)) -> HeldOut:
    shown = np.isin(np.arange(4), recommendable)
    return hold_out(training_data(EVENTS, 3, 4), shown, least)


def test_the_last_block_is_foretold_from_what_came_before_it() -> None:
    found = held()
    assert found.earlier.user.tolist() == [0, 0, 1, 1, 2]
    assert found.relevant.toarray().astype(int).tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert found.users == 2


def test_what_is_no_hit_elsewhere_is_none_here() -> None:
    assert held(recommendable=(0, 1, 3)).users == 1
    assert held(least=2.0).users == 0


def test_events_that_are_only_given_are_no_part_of_it() -> None:
    data = training_data(EVENTS, 3, 4)
    given = np.isin(data.user, [2])
    found = hold_out(type(data)(**{**vars_of(data), "given": given}), np.ones(4, dtype=bool), None)
    assert found.users == 1
    assert 2 not in found.earlier.user


def vars_of(data: object) -> dict[str, object]:
    return {name: getattr(data, name) for name in data.__dataclass_fields__}  # type: ignore[attr-defined]


@pytest.fixture
def many() -> HeldOut:
    rng = np.random.default_rng(3)
    events = [
        (user, int(item), time) for user in range(40) for time, item in enumerate(rng.integers(0, 30, 8))
    ]
    return hold_out(training_data(events, 40, 30), np.ones(30, dtype=bool), None)


def test_a_sample_has_so_many_events_items_and_judged_users(many: HeldOut) -> None:
    judge = many.sample(Size(100, 12, 5), 10, 128)
    assert judge.data.n_items == 12
    assert judge.data.n_users == 15  # of 7 events each: the fifteenth makes it a hundred
    assert 0 < len(judge.users) <= 5
    assert len(many.sample(Size(10_000, 30, 5), 10, 128).users) == 5
    counts = np.bincount(many.earlier.item, minlength=30)
    assert np.bincount(judge.data.item, minlength=12).sum() <= np.sort(counts)[-12:].sum()


def test_a_larger_sample_holds_the_smaller_one(many: HeldOut) -> None:
    small, large = (many.sample(Size(events, 30, 5), 10, 128) for events in (100, 10_000))
    assert large.data.n_users == 40
    drawn = np.sort(many.order[: small.data.n_users])
    np.testing.assert_array_equal(np.bincount(large.data.user)[drawn], np.bincount(small.data.user))
    np.testing.assert_array_equal(drawn[small.users], large.users)
