"""Keyword search: BM25 over all that is written about an item.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; Lucene's variant,
with scores computed at indexing time: Lù, "BM25S", 2024.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy import sparse

from tasks.matching.base import ArrayMatcher, sparse_parts
from tasks.matching.contract import FloatArray, TrainingData, UserBatch, VisitorBatch
from tasks.matching.search_queries import latest_queries
from tasks.matching.training_data import Names
from tasks.settings.matchers import SearchKeywordSettings


class SearchKeyword(ArrayMatcher[SearchKeywordSettings]):
    """BM25 of queries in items' title, categories, description and recommendation texts, as one document.

    A known user's queries are their latest recorded searches, weighed by recency; a visitor brings one. What
    shares no word with them scores 0; so does everything for who searched for nothing.
    """

    name = "search_keyword"
    reads_texts = True
    of_users = ("user",)

    def fit(self, data: TrainingData) -> None:
        """Index the items, and keep what users searched for as counts of words."""
        documents = _documents(data.names, data.n_items, self.settings.title_weight)
        vocabulary = sorted({word for document in documents for word in document})
        index = self._index(documents, vocabulary)  # (V, N)
        queries = latest_queries(data.searches, data.n_users, self.settings)
        counts = _counts(queries.texts, {word: at for at, word in enumerate(vocabulary)})
        by_user = sparse.csr_matrix(queries.weights @ counts)
        self.__dict__.pop("_column", None)
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "n_items": np.array([data.n_items]),
            "vocabulary": np.frombuffer("\n".join(vocabulary).encode(), dtype=np.uint8),
            **sparse_parts("bm25", index),
            **sparse_parts("user", by_user),
        }

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32: the sum of BM25 over the words of a user's queries."""
        by_user = self._sparse("user", len(self._column))
        return self._product(by_user[self._known(users.users)])

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32: BM25 of the visitors' queries."""
        self._array("vocabulary")
        return self._product(_counts(visitors.queries, self._column))

    @cached_property
    def _column(self) -> dict[str, int]:
        """The place of each word in the index."""
        words = self._array("vocabulary").tobytes().decode()
        return {word: at for at, word in enumerate(words.split("\n"))} if words else {}

    def _product(self, counts: sparse.csr_matrix) -> FloatArray:
        """Return (B, N) from counts of words (B, V)."""
        index = self._sparse("bm25", int(self._array("n_items")[0]))
        return sparse.csr_matrix(counts @ index).toarray().astype(np.float32)

    def _index(self, documents: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> sparse.csr_matrix:
        """Return (V, N): the BM25 of each word in each item."""
        if not vocabulary:
            return sparse.csr_matrix((0, len(documents)), dtype=np.float32)
        from bm25s import BM25  # takes a second, and whoever answers from a saved index does without

        bm25 = BM25(k1=self.settings.k1, b=self.settings.b, method="lucene")
        column = {word: at for at, word in enumerate(vocabulary)}
        coded = [[column[word] for word in document] for document in documents]
        bm25.index((coded, dict(column)), create_empty_token=False, show_progress=False)
        parts = (bm25.scores["data"], bm25.scores["indices"], bm25.scores["indptr"])
        return sparse.csc_matrix(parts, shape=(len(documents), len(vocabulary))).T.tocsr()


def _documents(names: Names | None, n_items: int, title_weight: int) -> list[list[str]]:
    """N lists of words; empty ones when no words are known."""
    if names is None:
        return [[] for _ in range(n_items)]
    documents = []
    for code in range(n_items):
        title = words_of(names.titles[code]) * title_weight
        parts = [
            *(names.categories[code] if names.categories else ()),
            names.descriptions[code],
            *(text for text in names.texts[code] if text),
        ]
        documents.append(title + [word for part in parts for word in words_of(part)])
    return documents


def _counts(queries: Sequence[str], column: dict[str, int]) -> sparse.csr_matrix:
    """(Q, V) float32: how often each known word stands in each query."""
    found = [
        (row, column[word], count)
        for row, query in enumerate(queries)
        for word, count in Counter(words_of(query)).items()
        if word in column
    ]
    row, place, count = np.array(found, dtype=np.int64).reshape(-1, 3).T
    shape = (len(queries), len(column))
    return sparse.csr_matrix((count.astype(np.float32), (row, place)), shape=shape)


# Scripts that put no spaces between words: Thai, Lao, Khmer, kana, Han. Pairs of letters stand for them.
UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
WORD = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
PAIRED = re.compile(rf"[{UNSPACED}]{{2,}}")


def words_of(text: str) -> list[str]:
    """Words in lower case, without accents, in their order.

    >>> words_of("Amélie's WORLD, 2001"), words_of("\u6771\u4eac\u7269\u8a9e")
    (['amelie', 's', 'world', '2001'], ['\u6771\u4eac', '\u4eac\u7269', '\u7269\u8a9e'])
    """
    letters = unicodedata.normalize("NFKD", text.casefold())
    # Marks of European scripts alone are accents: in others, marks are vowels.
    plain = unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", letters))
    return [word for run in WORD.findall(plain) for word in _cut(run)]


def _cut(run: str) -> list[str]:
    """A word as it is; a run of letters without spaces as its pairs."""
    return [run[at : at + 2] for at in range(len(run) - 1)] if PAIRED.fullmatch(run) else [run]
