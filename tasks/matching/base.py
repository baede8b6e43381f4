"""What matchers share whose fitted state is a handful of arrays: pairs from the matrix, saving, loading."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy import sparse

from tasks.arrays.recency import recency_weights
from tasks.matching.contract import (
    FloatArray,
    IntArray,
    Matcher,
    PairBatch,
    Parameter,
    SearchSpace,
    TrainingData,
    UserBatch,
    VisitorBatch,
)
from tasks.settings.section import Section
from warehouse.errors import PolyrecError

ARRAYS = "model.safetensors"
DESCRIPTION = "model.json"
FORMAT = 3
PAIR_BLOCK_USERS = 128
PARTS = ("data", "indices", "start")  # of a sparse matrix
# An items x items matrix is dense: 20,000 items take 3.2 GB while it is solved.
MAX_ITEMS = 20_000
SettingsT = TypeVar("SettingsT", bound=Section)


class ArrayMatcher(Matcher, Generic[SettingsT]):
    """A matcher that keeps everything it learned in named arrays; some classes serve under several names."""

    reads_texts = False
    proposes = True
    of_users: tuple[str, ...] = ()
    """Arrays with a row a user, and names of such sparse matrices: what visitors can be scored without."""
    when_applied: frozenset[str] = frozenset()
    """Settings that only say how what was learned is applied to histories: see `applied_with`."""

    def __init__(self, settings: SettingsT, name: str = "") -> None:
        self.settings = settings
        self.name = name or type(self).name
        self._arrays: dict[str, NDArray[Any]] = {}

    def parameters(self) -> dict[str, Parameter]:
        """Return the settings that the matcher was made with."""
        return self.settings.model_dump()

    def applied_with(self, settings: SettingsT, data: TrainingData) -> Self:
        """This fitted matcher with other settings of `when_applied`, as a fit to the same data has them."""
        other = type(self)(settings, self.name)
        other._arrays = self._fitted() | other._applied(self._fitted(), data)
        return other

    def _applied(self, learned: Mapping[str, NDArray[Any]], data: TrainingData) -> dict[str, NDArray[Any]]:
        """The arrays that settings of `when_applied` decide, from those that were learned."""
        return {}

    def best_slot(self, pairs: PairBatch) -> IntArray:
        """Return (P,) int64 of -1: no text decides."""
        return np.full(len(pairs.users), -1)

    def search_space(self) -> SearchSpace | None:
        """Return None: scores are no largest inner product."""
        return None

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
        arrays = {key: np.ascontiguousarray(array) for key, array in self._fitted().items()}
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{ARRAYS}.tmp"
        save_file(arrays, draft)
        draft.replace(folder / ARRAYS)
        write_description(folder, self.name, self.parameters())

    def load_arrays(self, folder: Path) -> None:
        """Read the arrays that `save` wrote."""
        self._arrays = load_file(folder / ARRAYS)

    def forget_users(self) -> bool:
        """Drop what is kept of users, none of whom can be scored then; whether visitors still can be."""
        for name in self.of_users:
            for key in (name, *(f"{name}_{part}" for part in PARTS)):
                if key in self._fitted():
                    self._arrays[key] = self._arrays[key][: int(key == f"{name}_start")]
        self._arrays["n_users"] = np.zeros(1, dtype=np.int64)
        return True

    def _array(self, key: str) -> NDArray[Any]:
        """Return one fitted array."""
        return self._fitted()[key]

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

    def _fitted(self) -> dict[str, NDArray[Any]]:
        if not self._arrays:
            raise RuntimeError(f"matcher {self.name} is not fitted; call fit or load first")
        return self._arrays


class HistoryMatcher(ArrayMatcher[SettingsT]):
    """A matcher whose scores depend on nothing of a user but the weighted history, kept as "history"."""

    of_users = ("history",)
    when_applied = frozenset({"half_life_items"})

    @property
    def applied_half_life_items(self) -> float | None:
        """An item this many positions back weighs half in that history; None weighs all alike."""
        return self.settings.model_dump()["half_life_items"]

    @property
    def n_items(self) -> int:
        """N of the fit window."""
        return int(self._array("n_items")[0])

    @abstractmethod
    def score_histories(self, histories: sparse.csr_matrix) -> FloatArray:
        """Return (B, N) float32 for weighted histories (B, N)."""

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32; a user without history scores 0 everywhere."""
        return self.score_histories(self._sparse("history", self.n_items)[self._known(users.users)])

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32; a visitor without history scores 0 everywhere."""
        return self.score_histories(visitors.history(self.n_items, self.applied_half_life_items))

    def _keep(
        self, data: TrainingData, weights: NDArray[np.float64] | float = 1.0, **arrays: NDArray
    ) -> None:
        """Keep histories, their events weighed by recency times weights (E,), and other arrays."""
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "n_items": np.array([data.n_items]),
            **self._history(data, weights),
            **arrays,
        }

    def _history(self, data: TrainingData, weights: NDArray[np.float64] | float) -> dict[str, NDArray[Any]]:
        recency = recency_weights(data.position_back, self.applied_half_life_items)
        return sparse_parts("history", data.weighted(recency * weights))

    def _applied(self, learned: Mapping[str, NDArray[Any]], data: TrainingData) -> dict[str, NDArray[Any]]:
        return self._history(data, 1.0)


class LinearMatcher(HistoryMatcher[SettingsT]):
    """A matcher whose scores are a weighted history times "item_item"."""

    @property
    def item_item(self) -> FloatArray:
        """(N, N): out[j, n] = what having j says about n."""
        return self._array("item_item")

    def score_histories(self, histories: sparse.csr_matrix) -> FloatArray:
        """Return (B, N) float32."""
        return np.asarray(histories @ self.item_item, dtype=np.float32)


def sparse_parts(name: str, matrix: sparse.csr_matrix) -> dict[str, NDArray[Any]]:
    """Take a sparse matrix apart, for `ArrayMatcher._sparse` to put together."""
    arrays = (matrix.data, matrix.indices, matrix.indptr)
    return {f"{name}_{part}": array for part, array in zip(PARTS, arrays, strict=True)}


def check_dense_items(name: str, n_items: int) -> None:
    """Refuse a catalogue for which an items x items matrix is too large."""
    if n_items > MAX_ITEMS:
        raise ValueError(
            f"{name} holds items x items and takes at most {MAX_ITEMS} items, got {n_items}; "
            "leave it out of [matching] matchers"
        )


def write_description(folder: Path, name: str, parameters: dict[str, Parameter]) -> None:
    """Write which matcher a folder holds, last: a folder with a description is whole."""
    description = {"format": FORMAT, "name": name, "parameters": parameters}
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def read_description(folder: Path) -> tuple[str, dict[str, Any]]:
    """Read the name of a folder's matcher, and the settings that it was made with."""
    path = folder / DESCRIPTION
    if not path.exists():
        raise FileNotFoundError(f"no {DESCRIPTION} in {folder}; save a fitted matcher there first")
    description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if description["format"] != FORMAT:
        raise PolyrecError(
            f"{path} has format {description['format']}, this version reads {FORMAT}; fit again: polyrec run"
        )
    return description["name"], description["parameters"]
