"""From external text ids to dense int codes: the position in the sorted list of ids."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from warehouse.columns import ITEM, SLOT, USER, VECTOR


def codes(values: pl.Series, ids: Sequence[str]) -> NDArray[np.int64]:
    """Codes of external ids: out[i] = position of values[i] in `ids`.

    Raises:
        ValueError: a value is not among `ids`.
    """
    table = pl.DataFrame({"id": pl.Series(ids, dtype=pl.String), "code": np.arange(len(ids), dtype=np.int64)})
    found = pl.DataFrame({"id": values.cast(pl.String)}).join(
        table, on="id", how="left", maintain_order="left"
    )
    missing = found.filter(pl.col("code").is_null())
    if missing.height:
        raise ValueError(
            f"{values.name or 'id'} {missing['id'][0]!r} is not among the {len(ids)} known ids; "
            "ingest it first, or leave its rows out"
        )
    return found["code"].to_numpy()


def interaction_matrix(frame: pl.DataFrame, user_ids: Sequence[str], item_ids: Sequence[str]) -> csr_array:
    """(U, N) bool, sorted indices: out[u, n] = whether user u has an event with item n in `frame`."""
    pairs = frame.select(USER, ITEM).unique(maintain_order=True)
    users, items = codes(pairs[USER], user_ids), codes(pairs[ITEM], item_ids)
    shape = (len(user_ids), len(item_ids))
    matrix = csr_array((np.ones(len(users), dtype=bool), (users, items)), shape=shape)
    matrix.sort_indices()
    return matrix


def category_matrix(categories: Sequence[Sequence[str]]) -> tuple[NDArray[np.bool_], list[str]]:
    """(N, C) bool and the C names, sorted: out[n, c] = whether item n is in category c."""
    names = sorted({name for of_item in categories for name in of_item})
    position = {name: column for column, name in enumerate(names)}
    matrix = np.zeros((len(categories), len(names)), dtype=bool)
    for row, of_item in enumerate(categories):
        matrix[row, [position[name] for name in of_item]] = True
    return matrix, names


def text_tensor(texts: pl.DataFrame, item_ids: Sequence[str]) -> NDArray[np.float32]:
    """(N, K, D): out[n, k] = the vector of the text in slot k of item n, zero where there is none.

    K is the highest slot plus 1, or 1 without texts; `item_ids` are sorted.
    """
    slots = texts[SLOT].to_numpy()
    n_slots = int(slots.max()) + 1 if slots.size else 1
    vectors = texts.schema[VECTOR]
    assert isinstance(vectors, pl.Array)
    tensor = np.zeros((len(item_ids), n_slots, *vectors.shape), dtype=np.float32)
    tensor[codes(texts[ITEM], item_ids), slots] = texts[VECTOR].to_numpy()
    return tensor
