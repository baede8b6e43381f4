import numpy as np
import polars as pl
import pytest

from tasks.arrays.codes import text_tensor

SCHEMA = {"item_id": pl.String, "slot": pl.Int32, "vector": pl.Array(pl.Float32, 2)}


def texts(*rows: tuple[str, int, list[float]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


def test_texts_lie_by_item_and_slot_and_what_is_missing_is_zero() -> None:
    found = text_tensor(texts(("c", 1, [3, 4]), ("a", 0, [1, 2]), ("c", 0, [5, 6])), ["a", "b", "c"])
    expected = [[[1, 2], [0, 0]], [[0, 0], [0, 0]], [[5, 6], [3, 4]]]
    np.testing.assert_array_equal(found, np.array(expected, dtype=np.float32))
    assert found.dtype == np.float32


def test_without_texts_there_is_one_empty_slot() -> None:
    assert text_tensor(texts(), ["a", "b"]).tolist() == [[[0, 0]], [[0, 0]]]


def test_a_text_of_an_unknown_item_is_refused() -> None:
    with pytest.raises(ValueError, match="item_id 'x' is not among the 1 known ids"):
        text_tensor(texts(("x", 0, [1, 2])), ["a"])
