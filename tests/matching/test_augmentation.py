"""Altered copies of short histories."""

import numpy as np
import pytest

from tasks.matching.augmentation import EVERY, NEAREST, NONE, SHORT, augmented
from tasks.matching.contract import TrainingData

N_ITEMS, LONG, EMPTY = 120, 2, 3
LENGTHS = (20, 5, SHORT, 0, 1)  # of five users


@pytest.fixture(scope="module")
def data() -> TrainingData:
    """Items lie on a circle, each nearest to its neighbours; the last 20 are in no history."""
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * np.arange(N_ITEMS) / N_ITEMS
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    user = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    return TrainingData(
        n_users=len(LENGTHS),
        n_items=N_ITEMS,
        user=user,
        item=np.concatenate([rng.permutation(100)[:length] for length in LENGTHS]),
        value=np.ones(len(user), dtype=np.float32),
        time=np.concatenate([np.arange(length) for length in LENGTHS]),
        text_vectors=np.zeros((N_ITEMS, 1, 2), dtype=np.float32),
        interests=np.zeros((len(LENGTHS), 1, 2), dtype=np.float32),
        item_vectors=vectors,
        categories=np.ones((N_ITEMS, 1), dtype=bool),
        seed=0,
    )


def history(data: TrainingData, user: int) -> list[int]:
    return data.item[data.user == user].tolist()


def copies(data: TrainingData, how: str, seed: int = 0) -> tuple[TrainingData, list[list[int]]]:
    """What becomes of the two short histories with more than one event."""
    found = augmented(data, how, np.random.default_rng(seed))
    n = len(data.user)
    assert found.n_users == data.n_users + 2
    for name in ("user", "item", "value", "time"):
        np.testing.assert_array_equal(getattr(found, name)[:n], getattr(data, name))
    return found, [history(found, data.n_users), history(found, data.n_users + 1)]


def test_nothing_is_copied_by_default(data: TrainingData) -> None:
    assert augmented(data, NONE, np.random.default_rng(0)) is data


def test_a_crop_is_a_stretch(data: TrainingData) -> None:
    _, found = copies(data, "crop")
    assert [len(items) for items in found] == [12, 3]
    for user, items in enumerate(found):
        whole = history(data, user)
        start = whole.index(items[0])
        assert whole[start : start + len(items)] == items


def test_a_mask_leaves_out_and_keeps_the_order(data: TrainingData) -> None:
    _, (items, _) = copies(data, "mask")
    whole = history(data, 0)
    assert 5 < len(items) < 20
    assert items == [item for item in whole if item in set(items)]


def test_substitutes_are_alike_and_known(data: TrainingData) -> None:
    _, (items, _) = copies(data, "substitute")
    whole = history(data, 0)
    known = np.unique(data.item)
    changed = [(old, new) for old, new in zip(whole, items, strict=True) if old != new]
    assert 0 < len(changed) < 15
    for old, new in changed:
        away = np.abs(known - old)
        away = np.minimum(away, N_ITEMS - away)
        nearest = np.sort(away[known != old])[NEAREST - 1]
        assert new in known and min(abs(new - old), N_ITEMS - abs(new - old)) <= nearest


def test_the_same_seed_gives_the_same_copies(data: TrainingData) -> None:
    one, two, other = (copies(data, EVERY, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.item, two.item)
    assert one.item.tolist() != other.item.tolist()


def test_unknown(data: TrainingData) -> None:
    with pytest.raises(ValueError, match="no augmentation 'flip'; choose one of none, crop"):
        augmented(data, "flip", np.random.default_rng(0))
