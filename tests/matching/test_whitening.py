import numpy as np
import pytest
from pydantic import ValidationError

from tasks.arrays.vectors import centred, unit
from tasks.matching.whitening import mapped, whitened, whitening_matrix
from tasks.settings.matchers import CosineSettings


def stretched() -> np.ndarray:
    """Four hundred vectors that vary ten times as much along the first axis as along the others."""
    vectors = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)
    vectors[:, 0] *= 10
    return vectors


def test_nothing_is_mapped_at_zero_or_without_vectors() -> None:
    assert whitening_matrix(stretched(), 0.0) is None
    assert whitening_matrix(np.zeros((3, 2, 4), np.float32), 0.5) is None
    np.testing.assert_array_equal(whitened(stretched(), 0.0), centred(stretched()))


def test_near_one_all_directions_vary_alike() -> None:
    vectors = stretched()
    matrix = whitening_matrix(vectors, 0.999)
    assert matrix is not None
    variance = np.linalg.eigvalsh(np.cov((vectors @ matrix).T))
    assert variance.max() / variance.min() < 1.2


def test_the_map_is_the_inverse_root_of_the_shrunken_covariance() -> None:
    vectors = stretched()
    matrix = whitening_matrix(vectors, 0.5)
    assert matrix is not None
    covariance = vectors.T @ vectors / len(vectors)
    shrunken = 0.5 * covariance / (np.trace(covariance) / 5) + 0.5 * np.eye(5)
    np.testing.assert_allclose(matrix @ matrix @ shrunken, np.eye(5), atol=1e-4)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)


def test_fewer_vectors_than_dimensions_and_missing_ones_are_no_obstacle() -> None:
    vectors = np.zeros((4, 8), dtype=np.float32)
    vectors[:3] = unit(np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32))
    found = whitened(vectors, 0.9)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 1, 1, 0], atol=1e-5)
    assert not mapped(np.zeros((2, 8), np.float32), np.eye(8, dtype=np.float32)).any()


@pytest.mark.parametrize("whitening", [-0.1, 1.0, float("nan")])
def test_a_share_outside_is_refused(whitening: float) -> None:
    with pytest.raises(ValidationError, match="than"):
        CosineSettings(whitening=whitening)
