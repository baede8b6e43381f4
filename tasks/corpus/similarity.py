"""What vectors say about a text that would take another's place."""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.arrays.text_spread import distances, item_ranks
from tasks.arrays.types import Vectors
from tasks.items.item import Item
from tasks.models.encoder import Encode

# A smaller rise of the spread is rounding.
SAME = 1e-6


class Similarity:
    """Texts as vectors, made as those that are matched, beside the vectors of all items.

    `items` are (N, D): items[n] is the vector of item_ids[n]. A description and each declared column are
    encoded up to so many `words`.
    """

    def __init__(self, encode: Encode, item_ids: Sequence[str], items: Vectors, words: int) -> None:
        self._encode, self._items, self._words = encode, items, words
        self._codes = {item_id: code for code, item_id in enumerate(item_ids)}

    def vectors(self, texts: Sequence[str], about: Sequence[Item]) -> Vectors:
        """(T, D): out[i] is the vector of texts[i], which is about about[i]."""
        contents = (item.content_with(text, self._words) for text, item in zip(texts, about, strict=True))
        return self._encode(list(contents))

    def ranks(self, vectors: Vectors, item_ids: Sequence[str]) -> list[int]:
        """Rank of each text's item among all items, by cosine to the text's vector (T, D), from 1."""
        owners = np.array([self._codes[item_id] for item_id in item_ids], dtype=np.int64)
        return item_ranks(vectors, self._items, owners).tolist()


def spread_of(vectors: Vectors) -> float:
    """Mean cosine distance over the pairs of (K, D) vectors, K at least 2.

    >>> spread_of(np.eye(3, dtype=np.float32)[[0, 1, 1]])
    0.6666666666666666
    """
    return float(distances(vectors, np.zeros(len(vectors), dtype=np.int64)).mean())


def replacements(
    texts: Vectors, candidates: Mapping[int, Vectors], ranks: Mapping[int, int], most: int
) -> dict[int, tuple[bool, str]]:
    """Decide slot by slot whether a candidate takes the place of an item's text, and why.

    `texts` are the vectors (K, D) of the item's; a slot's candidate has a vector (D,) and the rank of the
    item for it. A candidate takes the place where this rank is at most `most` and the spread of the item's
    texts rises. A candidate that took a place in an earlier slot counts as one of these texts.
    """
    now, verdicts = texts.copy(), {}
    for slot in sorted(candidates):
        if ranks[slot] > most:
            verdicts[slot] = False, f"item rank: {ranks[slot]}, not at most {most}"
            continue
        then = now.copy()
        then[slot] = candidates[slot]
        before, after = spread_of(now), spread_of(then)
        kept = after > before + SAME
        verdicts[slot] = kept, f"spread: {before:.4f} to {after:.4f}"
        if kept:
            now = then
    return verdicts
