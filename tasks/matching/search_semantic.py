"""Semantic search: a query's vector against the vectors of items and of their texts."""

from collections.abc import Sequence

import numpy as np

from tasks.arrays.vectors import centred, unit
from tasks.items.content import neutral
from tasks.matching.base import ArrayMatcher, sparse_parts
from tasks.matching.contract import FloatArray, IntArray, TrainingData, UserBatch, VisitorBatch
from tasks.matching.search_queries import latest_queries
from tasks.models.encoder import load_encoder
from tasks.settings.matchers import SearchSemanticSettings


class SearchSemantic(ArrayMatcher[SearchSemanticSettings]):
    """Cosine of a query with an item's own vector and with its texts, the best of them.

    Items and texts are centred, each on their own mean, and queries on that of the items: so an item is found
    for what sets it apart. A known user's queries are their latest recorded searches, weighed by recency; a
    visitor brings one. For who searched for nothing, all is 0.
    """

    name = "search_semantic"
    reads_texts = True
    of_users = ("queries", "weight")

    def fit(self, data: TrainingData) -> None:
        """Centre the vectors, and encode what users searched for."""
        items, texts = centred(data.item_vectors)[None], centred(data.text_vectors).swapaxes(0, 1)
        queries = latest_queries(data.searches, data.n_users, self.settings)
        present = np.any(data.item_vectors != 0, axis=1)
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "vectors": np.concatenate([items, texts]),  # (1 + K, N, D)
            "mean": data.item_vectors.sum(axis=0, dtype=np.float64).astype(np.float32)
            / max(int(present.sum()), 1),
        }
        self._arrays |= {
            "queries": self.directions_of(queries.texts),  # (Q, D)
            **sparse_parts("weight", queries.weights),
        }

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32: the mean over a user's queries, weighed by recency."""
        weights = self._sparse("weight", len(self._array("queries")))
        of_batch = weights[self._known(users.users)]
        asked = np.unique(of_batch.indices)
        return np.asarray(of_batch[:, asked] @ self._best(self._array("queries")[asked]), dtype=np.float32)

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32: cosines of the visitors' queries."""
        return self._best(self.directions_of(visitors.queries))

    def directions_of(self, texts: Sequence[str]) -> FloatArray:
        """Return (Q, D) float32 of unit length, centred as items are; zeros for a text that says nothing."""
        mean = self._array("mean")
        out = np.zeros((len(texts), len(mean)), dtype=np.float32)
        plain = [neutral(text) for text in texts]
        said = [row for row, text in enumerate(plain) if text]
        if said:
            out[said] = unit(load_encoder().encode([plain[row] for row in said]) - mean)
        return out

    @property
    def directions(self) -> FloatArray:
        """(N, D) float32 of unit length: items' own vectors, centred; zeros where an item has none."""
        return self._array("vectors")[0]

    @property
    def text_vectors(self) -> FloatArray:
        """(K, N, D) float32 of unit length: vectors of texts, centred; zeros where a text is missing."""
        return self._array("vectors")[1:]

    def nearest_slots(self, wanted: FloatArray, items: IntArray) -> IntArray:
        """Return (P,) int64: the slot of the text nearest to any of the vectors (Q, D), -1 for none."""
        texts = self.text_vectors[:, items]  # (K, P, D)
        there = np.any(texts != 0, axis=2)
        wanted = wanted[np.any(wanted != 0, axis=1)]
        if not len(wanted):
            return np.full(len(items), -1)
        similarity = np.einsum("kpd,qd->qkp", texts, wanted).max(axis=0)  # (K, P)
        slots = np.where(there, similarity, -np.inf).argmax(axis=0)
        return np.where(there.any(axis=0), slots, -1)

    def _best(self, queries: FloatArray) -> FloatArray:
        """Score queries (Q, D): (Q, N), the best of an item's vectors; 0 where either has none."""
        vectors = self._array("vectors")  # (1 + K, N, D)
        out = np.full((len(queries), vectors.shape[1]), -np.inf, dtype=np.float32)
        for slot in vectors:
            there = np.any(slot != 0, axis=1)
            np.maximum(out, np.where(there, queries @ slot.T, -np.inf), out=out)
        out[np.isneginf(out)] = 0
        return out
