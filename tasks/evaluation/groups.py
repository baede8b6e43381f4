"""For whom and for what it works: measures by group of users and by group of items."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.measures import Floats, mean_defined

TERCILES = ("low", "middle", "high")


def terciles(values: NDArray[np.number]) -> NDArray[np.int64]:
    """(n,) 0, 1 or 2: the third of the values in which each lies; equal values share a third.

    >>> terciles(np.array([5, 1, 3, 9, 9, 2])).tolist()
    [1, 0, 1, 2, 2, 0]
    """
    bounds = np.quantile(values, [1 / 3, 2 / 3]) if values.size else np.zeros(2)
    return np.searchsorted(bounds, values, side="left").astype(np.int64)


def user_groups(
    per_user: Mapping[str, Floats], group: NDArray[np.int64], names: Sequence[str] = TERCILES
) -> pl.DataFrame:
    """Mean of every measure in every group of users: columns group, metric, value, users.

    Args:
        per_user: metric name to (U,) values.
        group: (U,) position in `names`; for example terciles of the history length.
        names: the groups.
    """
    rows = [
        {
            "group": name,
            "metric": metric,
            "value": mean_defined(values[group == code]),
            "users": int((~np.isnan(values[group == code])).sum()),
        }
        for code, name in enumerate(names)
        for metric, values in per_user.items()
    ]
    return pl.DataFrame(
        rows, schema={"group": pl.String, "metric": pl.String, "value": pl.Float64, "users": pl.Int64}
    )


def item_groups(
    exposure: csr_array,
    hit_exposure: csr_array,
    relevant: csr_array,
    group: NDArray[np.int64],
    names: Sequence[str] = TERCILES,
) -> pl.DataFrame:
    """What every group of items gets: columns group, items, exposure_share, relevant_share, recall.

    Args:
        exposure: (U, N) times an item is in a user's list.
        hit_exposure: (U, N) the same, of hits only.
        relevant: (U, N) events of the evaluated part.
        group: (N,) position in `names`; for example terciles of the popularity, or the item's age.
        names: the groups.
    """

    def per_group(matrix: csr_array) -> Floats:
        totals = np.asarray(matrix.sum(axis=0), dtype=np.float64)  # (N,)
        return np.array([totals[group == code].sum() for code in range(len(names))])

    def share(counts: Floats, of: Floats | float) -> Floats:
        return np.divide(counts, of, out=np.full(len(names), np.nan), where=np.asarray(of) > 0)

    shown, wanted, hit = per_group(exposure), per_group(relevant), per_group(hit_exposure)
    return pl.DataFrame(
        {
            "group": list(names),
            "items": np.bincount(group, minlength=len(names)),
            "exposure_share": share(shown, float(shown.sum())),
            "relevant_share": share(wanted, float(wanted.sum())),
            "recall": share(hit, wanted),
        }
    )
