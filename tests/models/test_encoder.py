import numpy as np
import pytest

from tasks.models.encoder import DIMENSIONS, Encoder, load_encoder

TEXTS = ["A funny film about toys.", "A comedy with toys.", "A bleak story of war and loss, told slowly."]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


def test_vectors_have_length_one_and_repeat(encoder: Encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (3, DIMENSIONS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(encoder.encode(TEXTS), vectors)
    assert load_encoder() is encoder


def test_vectors_come_in_the_order_of_the_texts(encoder: Encoder) -> None:
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS), alone, atol=1e-5)


def test_like_texts_are_near(encoder: Encoder) -> None:
    toys, comedy, war = encoder.encode(TEXTS)
    assert toys @ comedy > toys @ war + 0.2


def test_no_texts(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, DIMENSIONS)
