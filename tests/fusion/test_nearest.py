"""What a recommendation is like in the person's history."""

import numpy as np

from tasks.fusion.nearest import Likeness

rng = np.random.default_rng(0)


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS = unit(rng.normal(size=(400, 32)))
VECTORS[1] = unit(VECTORS[[0]] + 0.1 * VECTORS[[5]])[0]  # 1 is much like 0
VECTORS[2] = VECTORS[1]


def nearest(user: list[int], item: list[int], past: list[tuple[int, int]]) -> list[int]:
    events = np.array(past).reshape(-1, 2)
    likeness = Likeness(VECTORS, np.zeros_like(VECTORS))
    return likeness.nearest(np.array(user), np.array(item), events[:, 0], events[:, 1]).tolist()


def test_the_nearest_of_the_own_history() -> None:
    assert nearest([0, 0, 1], [0, 7, 0], [(0, 9), (0, 1), (0, 8), (1, 9)]) == [1, -1, -1]


def test_of_equals_the_latest() -> None:
    assert nearest([3], [0], [(3, 1), (3, 2), (3, 9)]) == [2]
    assert nearest([3], [0], [(3, 2), (3, 1), (3, 9)]) == [1]


def test_without_history_or_vectors() -> None:
    assert nearest([0], [0], []) == [-1]
    nothing = np.zeros((3, 4), dtype=np.float32)
    found = Likeness(nothing, nothing).nearest(*(np.array([one]) for one in (0, 0, 0, 1)))
    assert found.tolist() == [-1]
