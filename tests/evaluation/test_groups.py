import numpy as np
import polars as pl
from polars.testing import assert_frame_equal
from scipy.sparse import csr_array

from tasks.evaluation.groups import item_groups, terciles, user_groups


def test_terciles_are_thirds_and_equal_values_stay_together() -> None:
    assert np.bincount(terciles(np.arange(30))).tolist() == [10, 10, 10]
    assert len(set(terciles(np.array([4, 4, 4, 4])))) == 1
    assert terciles(np.array([])).tolist() == []


def test_users_by_group() -> None:
    per_user = {"ndcg_at_10": np.array([0.2, 0.4, np.nan, 1.0])}
    frame = user_groups(per_user, np.array([0, 0, 1, 1]), names=("short", "long"))
    wanted = pl.DataFrame(
        {"group": ["short", "long"], "metric": ["ndcg_at_10"] * 2, "value": [0.3, 1.0], "users": [2, 1]}
    )
    assert_frame_equal(frame, wanted, check_row_order=False)


def test_items_by_group() -> None:
    shown = csr_array(np.array([[1.0, 1, 0, 0], [1, 0, 1, 0]]))
    hit = csr_array(np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]]))
    relevant = csr_array(np.array([[True, False, True, False], [True, False, False, False]]))
    frame = item_groups(shown, hit, relevant, np.array([0, 0, 1, 2]), names=("head", "middle", "tail"))
    assert frame["items"].to_list() == [2, 1, 1]
    assert frame["exposure_share"].to_list() == [0.75, 0.25, 0.0]
    np.testing.assert_allclose(frame["relevant_share"], [2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(frame["recall"], [0.5, 0.0, np.nan])
