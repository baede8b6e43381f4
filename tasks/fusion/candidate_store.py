"""What lists were chosen from, as rows that are kept with them, and read again to explain them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tasks.fusion.candidates import Candidates
from warehouse.columns import USER


def candidate_rows(
    candidates: Candidates, user_ids: Sequence[str], item_ids: Sequence[str], publication_id: str
) -> pl.DataFrame:
    """Rows of serving.candidates, one a user: raw scores, so that reading gives what fusion saw, to the bit.

    Ids are those of all users and items, sorted; the publication is of the lists made from them.
    """
    present = candidates.present
    size = present.sum(axis=1)
    ids = pl.Series(item_ids, dtype=pl.String).gather(candidates.items[present])
    features = candidates.user_features
    known = [None] * len(size) if features is None else features.tolist()
    by_matcher = candidates.scores.swapaxes(1, 2)  # (U, M, C)
    there = np.broadcast_to(present[:, None, :], by_matcher.shape)
    return pl.DataFrame(
        {
            "publication_id": pl.repeat(publication_id, len(size), dtype=pl.String, eager=True),
            USER: pl.Series(user_ids, dtype=pl.String).gather(candidates.users),
            "matchers": pl.repeat(list(candidates.matchers), len(size), eager=True),
            "item_ids": _lists(ids.to_arrow(), size),
            "scores": _lists(pa.array(by_matcher[there]), size * len(candidates.matchers)),
            "facts": pl.Series(known, dtype=pl.List(pl.Float64)),
        }
    )


def candidates_of_row(row: Mapping[str, Any]) -> tuple[list[str], Candidates]:
    """Item ids (C), ascending, and the one user's candidates of a row of serving.candidates.

    Item codes are places among the ids.
    """
    ids, matchers = list(row["item_ids"]), tuple(row["matchers"])
    scores = np.array(row["scores"], dtype=np.float32).reshape(len(matchers), len(ids)).T  # (C, M)
    features = None if row["facts"] is None else np.array([row["facts"]], dtype=np.float64)
    items = np.arange(len(ids), dtype=np.int32)[None]
    return ids, Candidates(np.zeros(1, dtype=np.int64), items, scores[None], matchers, features)


def _lists(values: pa.Array, size: NDArray[np.integer]) -> pl.Series:
    """A series of lists: the first size[0] of the values, the next size[1], and so on."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(size)]), type=pa.int64())
    series = pl.from_arrow(pa.LargeListArray.from_arrays(offsets, values))
    assert isinstance(series, pl.Series)
    return series
