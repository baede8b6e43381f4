"""What every re-ranker is given, and what it must offer: the one contract behind `rerank`."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.arrays.types import Codes, Flags, Floats, Positions
from tasks.fusion.similarity import TABLE_ITEMS, ItemSimilarity
from tasks.metrics.diversity import category_shares

Singles = NDArray[np.float32]


class ItemCategories:
    """The categories of each item as short lists, by code: most items are in few of many."""

    def __init__(self, categories: Flags) -> None:
        """Make lists of (N, C) flags; item code -1 is in no category."""
        n_items, self.n_categories = categories.shape
        sizes = categories.sum(axis=1)
        item, category = np.nonzero(categories)
        place = np.arange(len(item)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        self.lists: NDArray[np.int64] = np.full(
            (n_items + 1, max(1, int(sizes.max(initial=0)))), self.n_categories, dtype=np.int64
        )
        """(N + 1, L): the categories of an item, then C, which stands for none."""
        self.lists[item, place] = category
        self.share: Floats = 1 / np.maximum(np.append(sizes, 0), 1)
        """(N + 1,): what an item gives to each of its categories."""

    def added(self, counts: Floats, items: Codes, amounts: Floats) -> None:
        """Add amounts (B,) to the categories of items (B,) in counts (B, C + 1); column C stays as it is."""
        own = self.lists[items]  # (B, L)
        rows = np.arange(len(items))[:, None]
        counts[rows, own] += np.where(own < self.n_categories, amounts[:, None], 0)


@dataclass(frozen=True)
class RerankContext:
    """What re-ranking goes by, beside the scores."""

    similarity: ItemSimilarity
    """Of the catalogue's items."""
    categories: ItemCategories | None = None
    """Of the catalogue's items; calibrated re-ranking and caps need them."""
    tastes: Floats | None = None
    """(U, C) from `tastes`, one row a user; calibrated re-ranking needs them."""
    reranker: str = "mmr"
    """A name of RERANKERS."""
    category_cap: int = 0
    """At most so many items of one category, as far as the head has others; 0 is no cap."""

    @classmethod
    def assemble(
        cls,
        vectors: NDArray[np.float32],
        categories: Flags,
        history: csr_array | None = None,
        *,
        reranker: str = "mmr",
        category_cap: int = 0,
        items: NDArray[np.integer] | None = None,
        table_items: int = TABLE_ITEMS,
    ) -> "RerankContext":
        """The context of a catalogue of N items with vectors (N, D) and categories (N, C).

        Tastes are those of the history (U, N). Where `items` are given, codes of those that are re-ranked,
        they are then known by their places. Of up to `table_items` items all similarities are kept.
        """
        wanted = None if history is None else tastes(history, categories)
        if items is not None:
            vectors, categories = vectors[items], categories[items]
        similarity = ItemSimilarity.of(vectors, categories, table_items)
        return cls(similarity, ItemCategories(categories), wanted, reranker, category_cap)

    def of(self, users: NDArray[np.integer]) -> "RerankContext":
        """The context of some users, which are rows of `tastes`, in this order."""
        return self if self.tastes is None else replace(self, tastes=self.tastes[users])


@dataclass(frozen=True)
class Head:
    """The best candidates of B users, the highest score first: what is re-ranked."""

    items: Codes
    """(B, H) codes; -1 where there is none."""
    relevance: Singles
    """(B, H): from 0 to 1 over a user's head, so that the dial means the same for everyone."""
    context: RerankContext
    """Of these users."""


class Reranker(Protocol):
    """A greedy method: what each item is worth next, after those that were picked.

    The worth is (1 - dial) * relevance + dial * (what the item adds to the list's diversity, or minus what
    it takes). So dial 0 is the order by score for every method, and 1 is diversity as it sees it alone.
    """

    def __init__(self, head: Head, dial: float) -> None:
        """Begin lists of the head's users."""
        ...

    def values(self) -> Singles:
        """(B, H) finite: what each item is worth next; of absent or picked items it means nothing."""
        ...

    def pick(self, picked: Positions) -> None:
        """Put the head's columns picked (B,) into the lists."""
        ...


def tastes(history: csr_array, categories: Flags) -> Floats:
    """(U, C): shares of the categories (N, C) in each user's history (U, N), both bool.

    An item gives equal shares to each of its categories; a history without categories has zeros.
    """
    counts: Floats = np.asarray(history.astype(np.float64) @ category_shares(categories))
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
