import numpy as np

from tasks.arrays.text_spread import BLOCK, distances, item_ranks
from tasks.arrays.vectors import unit


def test_distances_are_means_over_pairs() -> None:
    rng = np.random.default_rng(1)
    vectors = unit(rng.normal(size=(30, 8)).astype(np.float32))
    owners = rng.integers(0, 7, 30)
    owners[0] = 9  # alone
    found = distances(vectors, owners)
    for text, own in enumerate(owners):
        others = [
            1 - float(vectors[text] @ vectors[at]) for at in np.flatnonzero(owners == own) if at != text
        ]
        expected = np.mean(others) if others else np.nan
        np.testing.assert_allclose(found[text], expected, atol=1e-6)


def test_ranks_count_the_items_that_are_at_least_as_near() -> None:
    rng = np.random.default_rng(2)
    items = unit(rng.normal(size=(40, 8)).astype(np.float32))
    owners = rng.integers(0, 40, BLOCK + 5)
    texts = unit(items[owners] + rng.normal(size=(BLOCK + 5, 8)).astype(np.float32))
    ranks = item_ranks(texts, items, owners)
    for text in (0, 1, BLOCK - 1, BLOCK, BLOCK + 4):
        cosines = items @ texts[text]
        assert ranks[text] == 1 + (np.delete(cosines, owners[text]) >= cosines[owners[text]]).sum()
    assert 1 <= ranks.min() < ranks.max() <= 40


def test_an_equal_item_counts_against_a_text() -> None:
    items = np.ones((3, 1), dtype=np.float32)
    assert item_ranks(items[:1], items, np.array([1])).tolist() == [3]


def test_nothing_gives_nothing() -> None:
    none = np.zeros((0, 4), dtype=np.float32)
    assert distances(none, np.zeros(0, dtype=np.int64)).shape == (0,)
    assert item_ranks(none, np.ones((2, 4), dtype=np.float32), np.zeros(0, dtype=np.int64)).shape == (0,)
