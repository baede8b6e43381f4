from dataclasses import replace

import numpy as np
import pytest

from tasks.arrays.vectors import unit
from tasks.matching.content_knn import ContentKnn, nearest
from tasks.matching.contract import TrainingData, UserBatch
from tasks.matching.whitening import content_vectors
from tasks.settings.matchers import ContentKnnSettings
from tests.matching.refusal import refusal
from tests.matching.toys import training_data

# Two pairs of opposites: centring changes nothing.
CROSS = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], dtype=np.float32)


def films(events: list[tuple[int, int, int]], items: np.ndarray, texts: np.ndarray) -> TrainingData:
    data = training_data(events, 1, len(items), texts[:, None, :])
    return replace(data, item_vectors=items.astype(np.float32))


def everyone(matcher: ContentKnn, data: TrainingData) -> np.ndarray:
    matcher.fit(data)
    return matcher.score(UserBatch(np.arange(data.n_users)))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_cosine_is_the_weighted_one_of_own_vectors_and_texts(share: float) -> None:
    texts = CROSS[[2, 3, 0, 1]]
    content = content_vectors(films([], CROSS, CROSS * [[1, 1], [1, 1], [1, 1], [1, 1]]), share)
    np.testing.assert_allclose(content @ content.T, CROSS @ CROSS.T, atol=1e-6)  # both say the same
    mixed = content_vectors(films([], CROSS, np.roll(texts, 1, axis=0)), share)
    other = np.roll(texts, 1, axis=0)
    expected = (1 - share) * CROSS @ CROSS.T + share * other @ other.T
    np.testing.assert_allclose(mixed @ mixed.T, expected, atol=1e-6)


def test_where_one_of_the_two_is_missing_the_other_counts_alone() -> None:
    texts = CROSS.copy()
    texts[:2] = 0
    content = content_vectors(films([], CROSS, texts), 0.5)
    assert content[0] @ content[1] == pytest.approx(-1, abs=1e-6)
    assert not content_vectors(films([], 0 * CROSS, 0 * CROSS), 0.5).any()


def test_only_the_nearest_count_and_none_is_its_own_neighbour() -> None:
    vectors = unit(np.array([[1, 0], [0.9, 0.1], [0.6, 0.8], [-1, 0.1]], dtype=np.float32))
    matrix = nearest(vectors, 1).toarray()
    cosines = vectors @ vectors.T
    expected = np.zeros((4, 4), dtype=np.float32)
    expected[0, 1], expected[1, 0], expected[2, 1] = cosines[0, 1], cosines[1, 0], cosines[2, 1]
    np.testing.assert_allclose(matrix, expected, atol=1e-6)  # item 3 resembles none
    assert (nearest(vectors, 99).toarray().diagonal() == 0).all()


def test_blocks_do_not_matter() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32))
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    matrix = nearest(vectors, 7)
    assert np.diff(matrix.indptr).tolist() == [7] * 600
    for row in (0, 255, 256, 599):
        assert set(matrix[[row]].indices) == set(np.argsort(-cosines[row])[:7])


def knn(**settings: float) -> ContentKnn:
    return ContentKnn(ContentKnnSettings.model_validate({"half_life_items": None, **settings}))


def test_recent_and_liked_items_weigh_more() -> None:
    data = films(
        [(0, 0, 1), (0, 2, 2)], np.concatenate([CROSS, unit(CROSS + CROSS[[2, 3, 1, 0]])]), np.zeros((8, 2))
    )
    # Item 4 lies between items 0 and 2.
    scores = everyone(knn(neighbours=7, text_share=0.0, half_life_items=1.0), data)[0]
    assert scores[4] == pytest.approx(0.5 * np.sqrt(0.5) + np.sqrt(0.5), abs=1e-5)
    disliked = replace(data, value=np.array([5.0, 1.0], dtype=np.float32))
    scores = everyone(knn(neighbours=7, text_share=0.0), disliked)[0]
    assert scores[4] == pytest.approx(1.2 * np.sqrt(0.5), abs=1e-5)


def test_an_item_that_nobody_has_seen_is_scored_by_what_it_resembles() -> None:
    data = films([(0, 0, 1)], np.concatenate([CROSS, CROSS]), np.zeros((8, 2)))
    scores = everyone(knn(neighbours=3), data)[0]
    assert scores.argmax() == 4


def test_wrong_settings_say_where_to_set_them() -> None:
    assert "greater than or equal to 1" in refusal("content_knn", "neighbours", 0)
    assert "less than or equal to 1" in refusal("content_knn", "text_share", 1.5)
