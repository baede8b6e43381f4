import numpy as np
import pytest

from tasks.fusion.rerank import ItemSimilarity, by_score, mean_text_vectors, mmr
from tests.fusion import toys


def plain_mmr(scores: np.ndarray, vectors: np.ndarray, diversity: float, k: int) -> list[int]:
    """One user, as the paper says it."""
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    left, chosen = sorted(range(len(scores)), key=lambda at: -scores[at]), []
    while left and len(chosen) < k:

        def value(at: int) -> float:
            redundancy = max((float(vectors[at] @ vectors[other]) for other in chosen), default=0.0)
            return (1 - diversity) * relevance[at] - diversity * redundancy

        best = max(left, key=value)
        left.remove(best)
        chosen.append(best)
    return chosen


@pytest.fixture
def fused() -> tuple[np.ndarray, np.ndarray]:
    candidates = toys.random_candidates()
    scores = np.where(candidates.present, candidates.scores.sum(axis=2, dtype=np.float64), -np.inf)
    return scores, candidates.items


@pytest.mark.parametrize("diversity", [0.1, 0.4, 0.9])
def test_agrees_with_the_paper_user_by_user(fused: tuple[np.ndarray, np.ndarray], diversity: float) -> None:
    scores, items = fused
    vectors = toys.random_vectors()
    got = mmr(scores, items, ItemSimilarity(vectors), diversity, k=8)
    for user in range(len(scores)):
        count = int((items[user] >= 0).sum())
        wanted = plain_mmr(scores[user, :count], vectors[items[user, :count]], diversity, k=8)
        assert got[user].tolist() == wanted + [-1] * (8 - len(wanted))


def test_a_twin_gives_way_to_something_else() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    scores, items = np.array([[3.0, 2.9, 2.0]]), np.array([[0, 1, 2]])
    similarity = ItemSimilarity(vectors)
    assert mmr(scores, items, similarity, 0.0, k=3).tolist() == [[0, 1, 2]]
    assert mmr(scores, items, similarity, 0.5, k=3).tolist() == [[0, 2, 1]]


def test_all_similarities_and_those_of_a_head_give_the_same(fused: tuple[np.ndarray, np.ndarray]) -> None:
    vectors = toys.random_vectors()
    kept, made = ItemSimilarity(vectors), ItemSimilarity(vectors, table_items=0)
    assert kept.has_table
    assert not made.has_table
    np.testing.assert_array_equal(mmr(*fused, kept, 0.3, k=10), mmr(*fused, made, 0.3, k=10))


def test_diversity_zero_is_the_order_by_score_with_ties_by_position() -> None:
    scores = np.array([[1.0, 2.0, 2.0, -np.inf], [-np.inf] * 4])
    items = np.array([[4, 5, 6, -1], [-1] * 4])
    assert by_score(scores, 5).tolist() == [[1, 2, 0, -1, -1], [-1] * 5]
    assert mmr(scores, items, toys.similarity(), 0.0, k=5).tolist() == [[1, 2, 0, -1, -1], [-1] * 5]
    assert mmr(scores, items, toys.similarity(), 0.7, k=5)[1].tolist() == [-1] * 5


@pytest.mark.parametrize("diversity", [0.0, 0.3, 1.0])
def test_a_list_is_the_beginning_of_a_longer_one(
    fused: tuple[np.ndarray, np.ndarray], diversity: float
) -> None:
    long = mmr(*fused, toys.similarity(), diversity, k=25, head=12)
    for k in (1, 5, 12, 20):
        np.testing.assert_array_equal(mmr(*fused, toys.similarity(), diversity, k=k, head=12), long[:, :k])
    for user in range(len(long)):
        chosen = long[user][long[user] >= 0]
        assert len(set(chosen)) == len(chosen) == (fused[1][user] >= 0).sum()


def test_the_dial_means_the_same_on_any_scale(fused: tuple[np.ndarray, np.ndarray]) -> None:
    scores, items = fused
    np.testing.assert_array_equal(
        mmr(scores, items, toys.similarity(), 0.4, k=10),
        mmr(scores * 64 + 8, items, toys.similarity(), 0.4, k=10),
    )


def test_one_user_alone_gets_the_same_list(fused: tuple[np.ndarray, np.ndarray]) -> None:
    scores, items = fused
    together = mmr(scores, items, toys.similarity(), 0.4, k=10)
    for user in range(5):
        one = slice(user, user + 1)
        np.testing.assert_array_equal(
            mmr(scores[one], items[one], toys.similarity(), 0.4, k=10), together[one]
        )


def test_mean_text_vectors_are_unit_and_zero_without_texts() -> None:
    texts = np.random.default_rng(0).normal(size=(6, 3, 4)).astype(np.float32)
    texts[2] = 0
    vectors = mean_text_vectors(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0, 1, 1, 1], atol=1e-6)


def test_arguments_out_of_range_are_refused(fused: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"diversity must be between 0 and 1, got 1\.5"):
        mmr(*fused, toys.similarity(), 1.5, k=3)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        mmr(*fused, toys.similarity(), 0.5, k=0)
