"""For whom and for what lists work: by history length, by the age of items, by their popularity."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.types import Codes, Floats
from tasks.metrics.evaluator import Truth
from tasks.metrics.exposure import exposure_matrix
from tasks.metrics.ranking import contains, ndcg, recall, shape_of

HISTORY, AGE, POPULARITY = "history_length", "item_age", "popularity"
NAMES = {
    HISTORY: ("short", "middle", "long"),
    AGE: ("new", "middle", "old"),
    POPULARITY: ("tail", "middle", "head"),
}
OF_USERS = ("ndcg", "recall", "ild")  # what is given for groups of users; of items there is no ild


@dataclass(frozen=True)
class Grouping:
    """Users or items in thirds."""

    kind: str
    """A key of NAMES."""
    group: NDArray[np.int64]
    """(U,) or (N,) position in the names; -1 for what is in no group."""

    @property
    def members(self) -> dict[str, int]:
        """Name of a group to how many it has."""
        return {name: int((self.group == code).sum()) for code, name in enumerate(NAMES[self.kind])}


def terciles(values: NDArray[np.number]) -> NDArray[np.int64]:
    """(n,) 0, 1 or 2: the third of the values in which each lies; equal values share a third.

    >>> terciles(np.array([5, 1, 3, 9, 9, 2])).tolist()
    [1, 0, 1, 2, 2, 0]
    """
    bounds = np.quantile(values, [1 / 3, 2 / 3]) if values.size else np.zeros(2)
    return np.searchsorted(bounds, values, side="left").astype(np.int64)


def terciles_among(values: Floats, counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n,) thirds of the values that count and are known; -1 for all others."""
    out = np.full(len(values), -1, dtype=np.int64)
    counted = counted & ~np.isnan(values)
    out[counted] = terciles(values[counted])
    return out


def groupings(truth: Truth, item_age: Floats) -> list[Grouping]:
    """Users by their history, and the items that may be recommended by age and popularity.

    Args:
        truth: of the part; popularity counts the users of the fit window who have an item.
        item_age: (N,) the higher the older; NaN where it is not known.
    """
    n_items = shape_of(truth.relevant)[1]
    counted = np.ones(n_items, dtype=bool) if truth.recommendable is None else truth.recommendable
    window = truth.history if truth.all_history is None else truth.all_history
    popularity = np.bincount(window.indices, minlength=n_items).astype(np.float64)
    return [
        Grouping(HISTORY, terciles(np.diff(truth.history.indptr))),
        Grouping(AGE, terciles_among(item_age, counted)),
        Grouping(POPULARITY, terciles_among(popularity, counted)),
    ]


def group_values(
    items: Codes, truth: Truth, per_user: Mapping[str, Floats], grouping: Grouping
) -> dict[tuple[str, str], Floats]:
    """(group, metric) to (U,) values, NaN for users whom the group does not concern.

    Of a group of items: as if its items alone were relevant, at the ranks that they have in the lists.

    Args:
        items: (U, k or more) lists.
        truth: what they are evaluated against.
        per_user: from evaluate_lists.
        grouping: of users or of items.
    """
    k = truth.k
    out: dict[tuple[str, str], Floats] = {}
    hits = contains(truth.relevant, items[:, :k])
    for code, name in enumerate(NAMES[grouping.kind]):
        inside = grouping.group == code
        if grouping.kind == HISTORY:
            for of_users in OF_USERS:
                if (metric := f"{of_users}_at_{k}") in per_user:
                    out[name, metric] = np.where(inside, per_user[metric], np.nan)
        else:
            n_relevant = np.diff(truth.relevant[:, inside].indptr).astype(np.int64)
            of_group = hits & np.append(inside, False)[items[:, :k]]  # row -1: no item
            out[name, f"ndcg_at_{k}"] = ndcg(of_group, n_relevant)
            out[name, f"recall_at_{k}"] = recall(of_group, n_relevant)
    return out


def group_shares(items: Codes, truth: Truth, grouping: Grouping) -> dict[tuple[str, str], float]:
    """(group, metric) to a share: of what lists show, and of what is relevant. Groups of items only."""
    if grouping.kind == HISTORY:
        return {}
    n_items = shape_of(truth.relevant)[1]
    shown = np.asarray(exposure_matrix(items[:, : truth.k], n_items).sum(axis=0))
    wanted = np.bincount(truth.relevant.indices, minlength=n_items)
    out: dict[tuple[str, str], float] = {}
    for code, name in enumerate(NAMES[grouping.kind]):
        inside = grouping.group == code
        for metric, counts in ((f"exposure_share_at_{truth.k}", shown), ("relevant_share", wanted)):
            if total := counts.sum():
                out[name, metric] = float(counts[inside].sum() / total)
    return out
