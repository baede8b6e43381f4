import numpy as np
import pytest

from tasks.arrays.vectors import centred
from tasks.embedding.interests import Histories, interest_vectors

N_DIMENSIONS = 16
Arrays = tuple[np.ndarray, ...]


def two_tastes() -> np.ndarray:
    """Forty items in two tight groups, the even and the odd, on one large common part."""
    rng = np.random.default_rng(0)
    vectors = 0.05 * rng.normal(size=(40, N_DIMENSIONS))
    vectors[:, 0] += 3
    vectors[0::2, 1] += 1
    vectors[1::2, 2] += 1
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def interests(
    rows: list[tuple[int, int, int, float]],
    vectors: np.ndarray | None = None,
    n_users: int = 1,
    n_interests: int = 4,
    half_life: float | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Interests of (user, item, time, value) rows."""
    user, item, time = (np.array([row[column] for row in rows], dtype=np.int64) for column in range(3))
    value = np.array([row[3] for row in rows], dtype=np.float32)
    items = two_tastes() if vectors is None else vectors
    histories = Histories(user, item, time, value, n_users)
    return interest_vectors(centred(items), histories, n_interests, half_life, seed)


def test_two_tastes_become_two_interests_near_their_groups() -> None:
    rows = [(0, item, 0, 1.0) for item in (*range(0, 20, 2), *range(1, 10, 2))]  # 10 even, 5 odd
    vectors, weights = interests(rows)
    assert (weights[0] > 0).sum() == 2
    np.testing.assert_allclose(weights[0, :2], [2 / 3, 1 / 3], rtol=1e-5)
    groups = centred(two_tastes())
    assert (groups[0::2] @ vectors[0, 0]).min() > 0.8
    assert (groups[1::2] @ vectors[0, 1]).min() > 0.8


def test_vectors_have_length_one_and_padding_is_zero() -> None:
    rows = [(0, item, item, 1.0) for item in range(25)] + [(2, 3, 0, 5.0)]
    vectors, weights = interests(rows, n_users=4)
    assert vectors.shape == (4, 4, N_DIMENSIONS)
    assert vectors.dtype == weights.dtype == np.float32
    np.testing.assert_array_equal(np.linalg.norm(vectors, axis=2) > 0.5, weights > 0)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=2)[weights > 0], 1, rtol=1e-5)
    np.testing.assert_allclose(weights.sum(axis=1), [1, 0, 1, 0], rtol=1e-5)


@pytest.mark.parametrize(("n_events", "expected"), [(1, 1), (9, 1), (10, 2), (20, 3), (40, 3)])
def test_longer_histories_get_more_interests_up_to_the_maximum(n_events: int, expected: int) -> None:
    random = np.random.default_rng(1).normal(size=(40, N_DIMENSIONS)).astype(np.float32)
    weights = interests([(0, item, 0, 1.0) for item in range(n_events)], random, n_interests=3)[1]
    assert (weights[0] > 0).sum() == expected


def test_recent_events_pull_the_interest_and_ties_pull_alike() -> None:
    even, odd = (centred(two_tastes())[item] for item in (0, 1))
    recent = interests([(0, 0, 1, 1.0), (0, 1, 2, 1.0)], half_life=0.5)[0][0, 0]
    assert recent @ odd > 0.9 > 0 > recent @ even
    one_way = interests([(0, 2, 1, 1.0), (0, 3, 1, 1.0), (0, 5, 1, 1.0)], half_life=0.5)
    other_way = interests([(0, 5, 1, 1.0), (0, 3, 1, 1.0), (0, 2, 1, 1.0)], half_life=0.5)
    np.testing.assert_array_equal(one_way[0], other_way[0])


def test_high_ratings_pull_more_than_low_ones() -> None:
    odd = centred(two_tastes())[1]
    liked = interests([(0, 0, 1, 1.0), (0, 1, 1, 5.0)])[0][0, 0]
    disliked = interests([(0, 0, 1, 5.0), (0, 1, 1, 1.0)])[0][0, 0]
    assert liked @ odd > 0.5 > disliked @ odd


def test_equal_ratings_weigh_alike_whatever_they_are() -> None:
    rows = [(0, item, item, 1.0) for item in range(15)]
    for value in (0.0, 3.0, -2.0):
        other = [(user, item, time, value) for user, item, time, _ in rows]
        np.testing.assert_allclose(interests(rows)[0], interests(other)[0], atol=1e-6)


def test_one_seed_gives_one_result_and_other_users_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    rows = [(user, int(item), int(item) % 5, 1.0) for user in range(3) for item in rng.permutation(40)[:30]]
    first = interests(rows, n_users=3, half_life=20)
    np.testing.assert_array_equal(first[0], interests(rows[::-1], n_users=3, half_life=20)[0])
    alone = interests([row for row in rows if row[0] == 1], n_users=3, half_life=20)
    np.testing.assert_array_equal(first[0][1], alone[0][1])


def test_very_old_events_still_make_an_interest_of_unit_length() -> None:
    rows = [(0, item % 40, item, 1.0) for item in range(4_000)]
    vectors, weights = interests(rows, half_life=2)
    assert np.isfinite(vectors).all()
    norms = np.linalg.norm(vectors[0], axis=1)
    np.testing.assert_allclose(norms[weights[0] > 0], 1, rtol=1e-5)


def test_items_without_a_vector_and_empty_histories_leave_zeros() -> None:
    items = two_tastes()
    items[3] = 0
    vectors, weights = interests([(0, 3, 0, 1.0)], items, n_users=2)
    assert not vectors.any()
    assert not weights.any()
    assert interests([], n_users=2)[0].shape == (2, 4, N_DIMENSIONS)


def test_identical_items_are_one_interest() -> None:
    items = np.array([[1.0, 0.0], [-1.0, 0.0]], dtype=np.float32).repeat(30, axis=0)
    weights = interests([(0, item, 0, 1.0) for item in range(30)], items)[1]
    assert weights[0].tolist() == [1, 0, 0, 0]


def test_no_interests_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match=r"n_interests must be at least 1, got 0; set it in \[embedding\]"):
        interests([(0, 0, 0, 1.0)], n_interests=0)
