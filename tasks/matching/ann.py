"""Nearly the best items of every user, for catalogues whose texts are too many to be multiplied one by one.

An inverted file of faiss (Douze et al., "The Faiss library", 2024): texts lie in lists around centroids, a
byte a coordinate, and only the lists nearest to an interest are read. It fetches more texts than are wanted;
their items are scored exactly, so that only what was not fetched can be missed. That much is measured.
"""

import warnings
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tasks.matching.blocked import BlockedTexts
from tasks.matching.bound import sample_of
from tasks.matching.contract import FloatArray, IntArray

OVERFETCH = 2  # texts of so many times the wanted items are fetched
POINTS_PER_LIST = 64  # to place a centroid; faiss asks for at least 39
FIRST_PROBES = 8
MEASURED = 128  # users that recall is measured on
TOLERANCE = 1e-6  # of scores, by which an item counts as found that ties with the last of the best
ADDED = 16_384  # texts added at once
_FAISS: Any = faiss  # its types are those of C++, not of what Python may give


class ApproximateTexts:
    """An index of texts that reads as many lists as a wished recall takes.

    Args:
        texts: (N, K, D) float32, zeros where a text is missing; kept as they are, for exact scores.
        queries: (Q, D) or (Q, I, D) float32: some of the users to come, on whom recall is measured.
        m: about how many items will be asked for.
        least_recall: share of the exact best m that must be found.
        seed: of the sample that centroids are placed on.
    """

    def __init__(
        self, texts: FloatArray, queries: FloatArray, m: int, least_recall: float, seed: int = 0
    ) -> None:
        if texts.ndim != 3 or 0 in texts.shape or m < 1 or not 0 < least_recall <= 1:
            raise ValueError(
                "texts must have shape (N, K, D) with nothing empty, m be at least 1 and least_recall above "
                f"0 and at most 1; got {texts.shape}, {m} and {least_recall}"
            )
        self._texts = np.ascontiguousarray(texts)
        flat = self._texts.reshape(-1, texts.shape[2])
        there = np.flatnonzero(np.concatenate([(part != 0).any(axis=1) for part in _parts(flat)]))
        if not len(there):
            raise ValueError("every text is missing; there is nothing to search")
        self.n_lists = max(1, min(int(4 * len(there) ** 0.5), len(there) // POINTS_PER_LIST))
        self._index: Any = faiss.index_factory(
            texts.shape[2], f"IVF{self.n_lists},SQ8", faiss.METRIC_INNER_PRODUCT
        )
        rng = np.random.default_rng(seed)
        n_trained = min(len(there), self.n_lists * POINTS_PER_LIST)
        self._index.train(flat[np.sort(rng.choice(there, n_trained, replace=False))])
        for part in _parts(there):
            self._index.add_with_ids(np.ascontiguousarray(flat[part]), part)
        self.recall = self._choose_probes(queries, m, least_recall)

    @property
    def probes(self) -> int:
        """How many lists are read for an interest."""
        return self._index.nprobe

    def top(
        self,
        users: FloatArray,
        m: int,
        hidden: sparse.csr_matrix | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[FloatArray, IntArray]:
        """Return (B, m) scores and items, best first, equal scores by lower code; -inf and -1 beyond.

        Items without text are never found, nor anything for a user without interests. Users (B, D) or
        (B, I, D), `hidden` (B, N) and `allowed` (N,) are as in `BlockedTexts.blocks`.
        """
        interests = users[:, None] if users.ndim == 2 else users
        present = (interests != 0).any(axis=2)  # (B, I)
        n_slots = self._texts.shape[1]
        scores = np.full((len(users), m), -np.inf, dtype=np.float32)
        items = np.full((len(users), m), -1, dtype=np.int64)
        # What is hidden takes places among the fetched: as many more are fetched.
        extra = int(np.diff(hidden.indptr).max(initial=0)) if hidden is not None else 0
        n_fetched = min(self._index.ntotal, (OVERFETCH * m + extra) * n_slots)
        reading: Any = _FAISS.SearchParametersIVF(nprobe=self.probes)
        if allowed is not None and not allowed.all():
            reading.sel = _FAISS.IDSelectorBitmap(np.packbits(np.repeat(allowed, n_slots), bitorder="little"))
        wanted = np.ascontiguousarray(interests[present])  # (Q, D)
        found = self._index.search(wanted, n_fetched, params=reading)[1] if len(wanted) else wanted
        starts = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
        for row in np.flatnonzero(present.any(axis=1)):
            own = slice(starts[row], starts[row + 1])
            texts = found[own]
            near = np.unique(texts[texts >= 0] // n_slots)
            if hidden is not None:
                near = np.setdiff1d(near, hidden[row].indices, assume_unique=True)
            best = self._scores(near, wanted[own])
            order = np.lexsort((near, -best))[:m]
            scores[row, : len(order)], items[row, : len(order)] = best[order], near[order]
        return scores, items

    def _scores(self, items: IntArray, interests: FloatArray) -> FloatArray:
        """Score items (P,) exactly for the interests (I, D) of a user: (P,)."""
        texts = self._texts[items]  # (P, K, D)
        products = np.einsum("pkd,id->pki", texts, interests).max(axis=2, initial=-np.inf)
        return np.where((texts != 0).any(axis=2), products, -np.inf).max(axis=1, initial=-np.inf)

    def _choose_probes(self, queries: FloatArray, m: int, least_recall: float) -> float:
        """Read twice as many lists until recall is enough; returns it."""
        _, asked = sample_of(self._texts[:1], queries)
        asked = np.ascontiguousarray(asked[:: -(-len(asked) // MEASURED)] if len(asked) else asked)
        self._index.nprobe = min(FIRST_PROBES, self.n_lists)
        if not len(asked):
            return 1.0  # nobody has an interest: nothing can be missed
        exact = BlockedTexts(self._texts, asked[:0], m)  # without queries it copies no text
        least = np.concatenate([block.scores for block in exact.blocks(asked, m)])
        last = np.where(np.isneginf(least), np.inf, least).min(axis=1)  # (MEASURED,) of the exact best m
        n_best = (least > -np.inf).sum()
        while True:
            scores, _ = self.top(asked, m)
            recall = float((scores >= last[:, None] - TOLERANCE).sum() / n_best)
            if recall >= least_recall or self.probes == self.n_lists:
                break
            self._index.nprobe = min(2 * self.probes, self.n_lists)
        if recall < least_recall:
            warnings.warn(
                f"the index of {self._index.ntotal} texts finds {recall:.3f} of the best {m} items though it "
                f"reads all of its lists, not {least_recall}; search exactly: raise [matching] ann_texts",
                RuntimeWarning,
                stacklevel=2,
            )
        return min(recall, 1.0)


def _parts(rows: NDArray) -> list[NDArray]:
    """Cut rows into pieces of ADDED."""
    return [rows[at : at + ADDED] for at in range(0, len(rows), ADDED)]
