"""The index of texts, beside exact search."""

import numpy as np
import pytest
from scipy import sparse

from tasks.arrays.vectors import unit
from tasks.matching.ann import ApproximateTexts
from tests.matching.searching import top_items_by_text

M = 5


@pytest.fixture(scope="module")
def texts() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 16))
    vectors = centres[rng.integers(30, size=1500)][:, None] + 0.6 * rng.normal(size=(1500, 2, 16))
    texts = unit(vectors.astype(np.float32))
    texts[rng.random((1500, 2)) < 0.1] = 0
    return texts


@pytest.fixture(scope="module")
def users() -> np.ndarray:
    rng = np.random.default_rng(1)
    users = unit(rng.normal(size=(40, 3, 16)).astype(np.float32))
    users[::2, 1:] = 0
    users[-1] = 0
    return users


@pytest.fixture(scope="module")
def index(texts: np.ndarray, users: np.ndarray) -> ApproximateTexts:
    return ApproximateTexts(texts, users, M, least_recall=0.9)


def exact(users: np.ndarray, texts: np.ndarray, **which: object) -> tuple[np.ndarray, np.ndarray]:
    (block,) = top_items_by_text(users, texts, M, **which)  # type: ignore[arg-type]
    return block.scores, block.items


def test_recall_is_what_it_says(index: ApproximateTexts, texts: np.ndarray, users: np.ndarray) -> None:
    scores, items = index.top(users[:-1], M)
    right, best = exact(users[:-1], texts)
    found = np.mean([len(set(a) & set(b)) / M for a, b in zip(items.tolist(), best.tolist(), strict=True)])
    assert 0.9 <= index.recall <= 1
    assert found == pytest.approx(index.recall, abs=0.1)  # that of users' whole interests
    same = items == best
    np.testing.assert_allclose(scores[same], right[same], atol=1e-6)


def test_reading_every_list_finds_everything(texts: np.ndarray, users: np.ndarray) -> None:
    whole = ApproximateTexts(texts, users, M, least_recall=1.0)
    hidden = sparse.csr_matrix(np.random.default_rng(2).random((39, 1500)) < 0.2)
    allowed = np.arange(1500) % 3 != 0
    scores, items = whole.top(users[:-1], M, hidden, allowed)
    right, best = exact(users[:-1], texts, hidden=hidden, allowed=allowed)
    assert np.mean(items == best) > 0.99  # a byte a coordinate may put a text out of what is fetched
    np.testing.assert_allclose(scores[items == best], right[items == best], atol=1e-6)
    assert not (items % 3 == 0).any()


def test_nothing_to_match_finds_nothing(index: ApproximateTexts, users: np.ndarray) -> None:
    scores, items = index.top(users[-1:], M)
    assert (items == -1).all() and np.isneginf(scores).all()
    assert index.top(users[:0], M)[1].shape == (0, M)


def test_the_same_index_twice(index: ApproximateTexts, texts: np.ndarray, users: np.ndarray) -> None:
    again = ApproximateTexts(texts, users, M, least_recall=0.9)
    assert (again.probes, again.recall) == (index.probes, index.recall)
    np.testing.assert_array_equal(again.top(users, M)[1], index.top(users, M)[1])


def test_too_low_a_recall_is_said(
    texts: np.ndarray, users: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_self: ApproximateTexts, asked: np.ndarray, m: int) -> tuple[np.ndarray, None]:
        return np.full((len(asked), m), -np.inf, dtype=np.float32), None

    monkeypatch.setattr(ApproximateTexts, "top", nothing)
    with pytest.warns(RuntimeWarning, match="finds 0.000 of the best 5 items though it reads all"):
        assert ApproximateTexts(texts, users, M, least_recall=0.9).recall == 0


def test_what_cannot_be_searched_is_refused(texts: np.ndarray, users: np.ndarray) -> None:
    with pytest.raises(ValueError, match="1500, 2, 16.*and 1.5"):
        ApproximateTexts(texts, users, M, least_recall=1.5)
    with pytest.raises(ValueError, match="every text is missing"):
        ApproximateTexts(np.zeros_like(texts), users, M, least_recall=0.9)
