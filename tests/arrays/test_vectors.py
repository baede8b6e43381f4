import numpy as np

from tasks.arrays.vectors import centred, unit


def test_unit_scales_to_length_one_and_keeps_zeros() -> None:
    vectors = np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)
    np.testing.assert_allclose(unit(vectors), [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)


def test_centring_takes_the_mean_of_the_vectors_that_are_there() -> None:
    vectors = np.array([[[5.0, 1.0], [5.0, -1.0]], [[5.0, 3.0], [0.0, 0.0]]], dtype=np.float32)
    np.testing.assert_allclose(centred(vectors), [[[0, 0], [0, -1]], [[0, 1], [0, 0]]], atol=1e-6)


def test_nothing_but_missing_vectors_stays_missing() -> None:
    assert not centred(np.zeros((3, 2), dtype=np.float32)).any()
