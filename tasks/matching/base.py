"""What matchers share whose fitted state is a handful of arrays: pairs from the matrix, saving, loading."""

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy import sparse

from tasks.arrays.recency import recency_weights
from tasks.matching.contract import (
    FloatArray,
    IntArray,
    PairBatch,
    Parameter,
    TrainingData,
    UserBatch,
    VisitorBatch,
)

ARRAYS = "model.safetensors"
DESCRIPTION = "model.json"
FORMAT = 2
PAIR_BLOCK_USERS = 128
PARTS = ("data", "indices", "start")  # of a sparse matrix
# An items x items matrix is dense: 20,000 items take 3.2 GB while it is solved.
MAX_ITEMS = 20_000


class ArrayMatcher:
    """A matcher that keeps everything it learned in named arrays."""

    name: str
    kind: str | None = None
    """The kind in the registry, where it is not the name."""
    reads_texts = False
    proposes = True

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def parameters(self) -> dict[str, Parameter]:
        """Return the arguments that make this matcher again."""
        raise NotImplementedError

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32 scores."""
        raise NotImplementedError

    def score_pairs(self, pairs: PairBatch) -> FloatArray:
        """Score the users of the pairs in blocks, and pick."""
        users, row = np.unique(pairs.users, return_inverse=True)
        order = np.argsort(row, kind="stable")
        out = np.empty(len(pairs.users), dtype=np.float32)
        start = 0
        for batch in UserBatch(users).blocks(PAIR_BLOCK_USERS):
            stop = start + len(batch.users)
            first, last = np.searchsorted(row[order], (start, stop))
            chosen = order[first:last]
            out[chosen] = self.score(batch)[row[chosen] - start, pairs.items[chosen]]
            start = stop
        return out

    def save(self, folder: Path) -> None:
        """Write the arrays, then the description: a folder with a description is whole."""
        if not self._arrays:
            raise self._not_fitted()
        folder.mkdir(parents=True, exist_ok=True)
        save_file({key: np.ascontiguousarray(array) for key, array in self._arrays.items()}, folder / ARRAYS)
        description = {
            "format": FORMAT,
            "name": self.name,
            "kind": self.kind or self.name,
            "parameters": self.parameters(),
        }
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a matcher that `save` wrote."""
        matcher = cls(**read_description(folder)["parameters"])
        matcher._arrays = load_file(folder / ARRAYS)
        return matcher

    def _array(self, key: str) -> NDArray[Any]:
        """Return one fitted array."""
        if not self._arrays:
            raise self._not_fitted()
        return self._arrays[key]

    def _sparse(self, name: str, n_columns: int) -> sparse.csr_matrix:
        """Return a fitted matrix that was kept by `sparse_parts`."""
        data, indices, start = (self._array(f"{name}_{part}") for part in PARTS)
        return sparse.csr_matrix((data, indices, start), shape=(len(start) - 1, n_columns))

    def _known(self, users: IntArray) -> IntArray:
        """Refuse user codes that the fit window has no row for."""
        n_users = int(self._array("n_users")[0])
        if len(users) and not (users.min() >= 0 and users.max() < n_users):
            raise ValueError(
                f"user codes must be between 0 and {n_users - 1}, got {users.min()} to {users.max()}; "
                f"fit {self.name} again after users were added"
            )
        return users

    def _not_fitted(self) -> RuntimeError:
        return RuntimeError(f"matcher {self.name} is not fitted; call fit or load first")


class LinearMatcher(ArrayMatcher):
    """A matcher whose scores are a weighted history times an item-item matrix."""

    applied_half_life_items: float | None
    """An item this many positions back weighs half in the history that the matrix is applied to."""

    def _keep(self, item_item: NDArray[np.floating], data: TrainingData) -> None:
        """Keep what scoring needs.

        Args:
            item_item: (N, N).
            data: the fit window, whose histories scores are for.
        """
        history = data.weighted(recency_weights(data.position_back, self.applied_half_life_items))
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "item_item": item_item.astype(np.float32),
            **sparse_parts("history", history),
        }

    @property
    def item_item(self) -> FloatArray:
        """(N, N): out[j, n] = what having j says about n."""
        return self._array("item_item")

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32; a user without history scores 0 everywhere."""
        item_item = self._array("item_item")
        histories = self._sparse("history", len(item_item))
        return np.asarray(histories[self._known(users.users)] @ item_item, dtype=np.float32)

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32; a visitor without history scores 0 everywhere."""
        item_item = self._array("item_item")
        histories = visitors.history(len(item_item), self.applied_half_life_items)
        return np.asarray(histories @ item_item, dtype=np.float32)


def sparse_parts(name: str, matrix: sparse.csr_matrix) -> dict[str, NDArray[Any]]:
    """Take a sparse matrix apart, for `ArrayMatcher._sparse` to put together."""
    arrays = (matrix.data, matrix.indices, matrix.indptr)
    return {f"{name}_{part}": array for part, array in zip(PARTS, arrays, strict=True)}


def above_zero(name: str, **values: float) -> None:
    """Refuse a matcher's arguments that are not above 0."""
    for key, value in values.items():
        if not value > 0:
            raise ValueError(f"{key} must be above 0, got {value}; set it in [matching.{name}]")


def zero_or_more(name: str, **values: float) -> None:
    """Refuse a matcher's arguments that are below 0, or not a number."""
    for key, value in values.items():
        if not value >= 0:
            raise ValueError(f"{key} must be 0 or more, got {value}; set it in [matching.{name}]")


def check_dense_items(name: str, n_items: int) -> None:
    """Refuse a catalogue for which an items x items matrix is too large."""
    if n_items > MAX_ITEMS:
        raise ValueError(
            f"{name} holds items x items and takes at most {MAX_ITEMS} items, got {n_items}; "
            "leave it out of [matching] matchers"
        )


def read_description(folder: Path) -> dict[str, Any]:
    """Read what kind of matcher a folder holds, and what it was made with."""
    path = folder / DESCRIPTION
    if not path.exists():
        raise FileNotFoundError(f"no {DESCRIPTION} in {folder}; save a fitted matcher there first")
    description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if description["format"] != FORMAT:
        raise ValueError(f"{path} has format {description['format']}, this version reads {FORMAT}; fit again")
    return description
