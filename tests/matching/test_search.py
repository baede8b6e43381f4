"""Search by keyword and by meaning: whose queries count, what they find, what they do with odd ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from bm25s import BM25

from tasks.arrays.vectors import centred, unit
from tasks.matching import search_semantic
from tasks.matching.contract import TrainingData, UserBatch, VisitorBatch
from tasks.matching.search_keyword import SearchKeyword, words_of
from tasks.matching.search_queries import latest_queries
from tasks.matching.search_semantic import SearchSemantic
from tasks.matching.training_data import Names, SearchRecords
from tasks.settings.matchers import SearchKeywordSettings, SearchSemanticSettings, SearchSettings
from tests.matching.refusal import refusal
from tests.matching.toys import training_data

TITLES = ("Space Balls (1987)", "Heat (1995)", "Amélie (2001)", "東京物語 (1953)")
DESCRIPTIONS = ("Funny pilots in space.", "A thief and a detective.", "", "")
TEXTS = (
    ("For who laughs about space.", None),
    ("Dark.", "Crime in the city."),
    ("Sweet.", None),
    (None, None),
)
CATEGORIES = (["Comedy"], ["Crime"], ["Romance"], [])
WEIRD = ("", "   ", "qwxz", "&&& !!!", "\x00\ud83c", "Ж" * 3000)


def searches(*rows: tuple[int, str, int]) -> SearchRecords:
    """From (user, query, time), by user and time."""
    return SearchRecords(
        np.array([row[0] for row in rows], dtype=np.int64),
        [row[1] for row in rows],
        np.array([row[2] for row in rows], dtype=np.int64),
    )


def catalogue(asked: SearchRecords | None = None) -> TrainingData:
    """Four films with words, and vectors of two dimensions: funny and dark."""
    texts = np.zeros((4, 2, 2), dtype=np.float32)
    texts[0, 0], texts[1, 0], texts[1, 1], texts[2, 0] = (1, 0), (0, 1), (0.6, 0.8), (0.8, 0.6)
    data = training_data([(0, 0, 1), (1, 1, 1), (2, 2, 1)], n_users=4, n_items=4, text_vectors=texts)
    items = unit(np.array([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5], [0, 0]], dtype=np.float32))
    names = Names([*"abcd"], [*"0123"], TITLES, DESCRIPTIONS, TEXTS, CATEGORIES)
    return replace(data, item_vectors=items, names=names, searches=asked)


def visitors(*queries: str) -> VisitorBatch:
    n = len(queries)
    return VisitorBatch(
        np.zeros(0, dtype=np.int64),
        np.zeros(n + 1, dtype=np.int64),
        np.zeros((n, 1, 2), dtype=np.float32),
        queries,
    )


class Toy:
    """An encoder of two dimensions."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors = [(text.count("funny") + 0.1, text.count("dark") + 0.1) for text in texts]
        return unit(np.array(vectors, dtype=np.float32))


@pytest.fixture
def keyword() -> Callable[[SearchRecords | None], SearchKeyword]:
    def fitted(asked: SearchRecords | None = None) -> SearchKeyword:
        matcher = SearchKeyword(SearchKeywordSettings())
        matcher.fit(catalogue(asked))
        return matcher

    return fitted


@pytest.fixture
def semantic(monkeypatch: pytest.MonkeyPatch) -> Callable[[SearchRecords | None], SearchSemantic]:
    monkeypatch.setattr(search_semantic, "load_encoder", Toy)

    def fitted(asked: SearchRecords | None = None) -> SearchSemantic:
        matcher = SearchSemantic(SearchSemanticSettings())
        matcher.fit(catalogue(asked))
        return matcher

    return fitted


class TestQueries:
    def test_the_latest_count_most_and_old_ones_not_at_all(self) -> None:
        asked = searches(*((1, f"query {time}", time) for time in range(4)))
        texts, weights = latest_queries(asked, 3, SearchSettings(latest_searches=3, half_life_searches=1))
        assert texts == ["query 1", "query 2", "query 3"]
        np.testing.assert_allclose(weights.toarray(), [[0, 0, 0], [1 / 7, 2 / 7, 4 / 7], [0, 0, 0]])

    def test_a_repeated_query_counts_once_at_its_newest_place(self) -> None:
        asked = searches((0, "space", 1), (0, "heat", 2), (0, " space ", 3), (0, "  ", 4))
        texts, weights = latest_queries(asked, 1, SearchSettings(latest_searches=5, half_life_searches=1))
        assert texts == ["heat", "space"]
        np.testing.assert_allclose(weights.toarray(), [[1 / 3, 2 / 3]])

    def test_unsorted_searches_are_refused(self) -> None:
        with pytest.raises(ValueError, match="sorted"):
            searches((0, "a", 2), (0, "b", 1))
        with pytest.raises(ValueError, match="search codes must be between 0 and 3, got 9"):
            catalogue(searches((9, "a", 1)))


class TestKeyword:
    def test_scores_are_those_of_bm25s(self, keyword: Callable[..., SearchKeyword]) -> None:
        documents = [
            words_of(title) * 2 + words_of(" ".join([*names, about, *(text for text in texts if text)]))
            for title, names, about, texts in zip(TITLES, CATEGORIES, DESCRIPTIONS, TEXTS, strict=True)
        ]
        oracle = BM25(k1=1.2, b=0.3)
        oracle.index(documents, show_progress=False)
        queries = ("space", "a space comedy space", "crime in the city", "AMELIE", "京物")
        found = keyword().score_visitors(visitors(*queries))
        for row, query in zip(found, queries, strict=True):
            np.testing.assert_allclose(row, oracle.get_scores(words_of(query)), rtol=1e-5)
        assert found.argmax(axis=1).tolist() == [0, 0, 1, 2, 3]

    def test_texts_and_categories_are_searched_too(self, keyword: Callable[..., SearchKeyword]) -> None:
        found = keyword().score_visitors(visitors("laughs", "city", "romance", "thief"))
        assert found.argmax(axis=1).tolist() == [0, 1, 2, 1]
        assert (found > 0).sum(axis=1).tolist() == [1, 1, 1, 1]

    def test_a_catalogue_without_a_word(self) -> None:
        matcher = SearchKeyword(SearchKeywordSettings())
        matcher.fit(replace(catalogue(searches((0, "space", 1))), names=None))
        assert not matcher.score_visitors(visitors("space")).any()
        assert not matcher.score(UserBatch(np.arange(4))).any()

    def test_bad_settings(self) -> None:
        assert "less than or equal to 1" in refusal("search_keyword", "b", 1.5)


class TestSemantic:
    def test_the_nearest_of_an_items_vectors_counts(self, semantic: Callable[..., SearchSemantic]) -> None:
        data, matcher = catalogue(), semantic()
        mean = data.item_vectors.sum(axis=0) / 3
        query = unit(Toy().encode(["dark"]) - mean)[0]
        own, texts = centred(data.item_vectors), centred(data.text_vectors)
        best = [max(query @ vector for vector in (own[n], *texts[n]) if vector.any()) for n in range(3)]
        found = matcher.score_visitors(visitors("dark"))[0]
        np.testing.assert_allclose(found, [*best, 0], rtol=1e-5)
        assert found.argmax() == 1

    def test_reason_is_the_nearest_text(self, semantic: Callable[..., SearchSemantic]) -> None:
        matcher = semantic()
        wanted = matcher.directions_of(["dark dark"])
        assert matcher.nearest_slots(wanted, np.array([1, 0, 3])).tolist() == [0, 0, -1]
        assert matcher.nearest_slots(np.zeros((1, 2), dtype=np.float32), np.array([1])).tolist() == [-1]


@pytest.mark.parametrize("kind", ["keyword", "semantic"])
class TestBoth:
    @pytest.fixture
    def fitted(
        self, kind: str, request: pytest.FixtureRequest
    ) -> Callable[..., SearchKeyword | SearchSemantic]:
        return request.getfixturevalue(kind)

    def test_a_users_search_is_a_visitors_query(
        self, fitted: Callable[..., SearchKeyword | SearchSemantic]
    ) -> None:
        matcher = fitted(searches((0, "funny space", 1), (2, "dark crime", 1)))
        known = matcher.score(UserBatch(np.arange(4)))
        asked = matcher.score_visitors(visitors("funny space", "", "dark crime", ""))
        np.testing.assert_allclose(known, asked, rtol=1e-5, atol=1e-6)
        assert not known[[1, 3]].any()
        assert known.argmax(axis=1)[[0, 2]].tolist() == [0, 1]

    def test_several_searches_are_weighed(
        self, fitted: Callable[..., SearchKeyword | SearchSemantic]
    ) -> None:
        matcher = fitted(searches((0, "dark crime", 1), (0, "funny space", 2)))
        crime, space = matcher.score_visitors(visitors("dark crime", "funny space"))
        older = 0.5**0.5
        expected = (older * crime + space) / (1 + older)
        np.testing.assert_allclose(matcher.score(UserBatch(np.array([0])))[0], expected, rtol=1e-5)

    def test_odd_queries_are_finite(self, fitted: Callable[..., SearchKeyword | SearchSemantic]) -> None:
        scores = fitted().score_visitors(visitors(*WEIRD))
        assert np.isfinite(scores).all()
        assert not scores[:2].any()

    def test_odd_searches_of_users_are_finite(
        self, fitted: Callable[..., SearchKeyword | SearchSemantic]
    ) -> None:
        matcher = fitted(searches(*((0, query, time) for time, query in enumerate(WEIRD))))
        assert np.isfinite(matcher.score(UserBatch(np.arange(4)))).all()
