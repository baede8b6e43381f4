import numpy as np
import polars as pl
import pytest

from tasks.arrays.codes import category_matrix, interaction_matrix
from tasks.metrics.lists import lists_from_frame

FRAME = pl.DataFrame({"user_id": ["b", "b", "a", "b"], "item_id": ["z", "x", "y", "y"], "rank": [2, 1, 1, 3]})


def test_lists_are_codes_in_rank_order_whatever_the_order_of_the_rows() -> None:
    lists = lists_from_frame(FRAME, ["a", "b", "c"], ["x", "y", "z"], k=2)
    assert lists.tolist() == [[1, -1], [0, 2], [-1, -1]]


def test_bad_lists_are_refused() -> None:
    with pytest.raises(ValueError, match="user 'b' has more than one item at rank 1"):
        lists_from_frame(FRAME.with_columns(rank=pl.lit(1)), ["a", "b"], ["x", "y", "z"], k=2)
    with pytest.raises(ValueError, match="rank 0 is below 1"):
        lists_from_frame(FRAME.with_columns(pl.col("rank") - 1), ["a", "b"], ["x", "y", "z"], k=2)
    with pytest.raises(ValueError, match="item_id 'z' is not among the 2 known ids"):
        lists_from_frame(FRAME, ["a", "b"], ["x", "y"], k=2)


def test_interactions_become_a_matrix_once_each() -> None:
    doubled = pl.concat([FRAME, FRAME])
    matrix = interaction_matrix(doubled, ["a", "b", "c"], ["x", "y", "z"])
    assert matrix.toarray().tolist() == [[False, True, False], [True, True, True], [False, False, False]]
    assert np.diff(matrix.indptr).tolist() == [1, 3, 0]


def test_categories_become_columns() -> None:
    matrix, names = category_matrix([["Drama", "Comedy"], [], ["Drama"]])
    assert names == ["Comedy", "Drama"]
    assert matrix.tolist() == [[True, True], [False, False], [False, True]]
