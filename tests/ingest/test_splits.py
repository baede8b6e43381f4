"""The split: known toys, whole tie blocks, and no dependence on the order of rows."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.ingest.movielens import read_movielens
from tasks.ingest.splits import split_hash, split_table, temporal_user


def history(times: list[int], user: str = "a") -> pl.DataFrame:
    items = [str(number) for number in range(len(times))]
    return pl.DataFrame({"user_id": user, "item_id": items, "event_time": times})


@pytest.mark.parametrize(
    ("times", "counts"),
    [
        (list(range(10)), (8, 1, 1)),
        (list(range(20)), (16, 2, 2)),
        ([0, 1, 2, 3, 4], (4, 1, 0)),  # 4/5 is not below 0.8
        ([5], (1, 0, 0)),
        ([0, 1, 2, 3, 4, 5, 6, 7, 7, 9], (9, 0, 1)),  # the tie begins in train
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 8], (8, 2, 0)),  # the tie begins in validation
        ([3] * 10, (10, 0, 0)),
        ([0] + [1] * 9, (10, 0, 0)),
    ],
)
def test_toys(times: list[int], counts: tuple[int, int, int]) -> None:
    train, validation, test = counts
    expected = ["train"] * train + ["validation"] * validation + ["test"] * test
    assert temporal_user(history(times))["part"].to_list() == expected


def test_users_do_not_touch_each_other() -> None:
    both = temporal_user(pl.concat([history(list(range(10))), history([100, 200], user="b")]))
    assert_frame_equal(both.filter(pl.col("user_id") == "a"), temporal_user(history(list(range(10)))))


def test_real_blocks_are_whole_and_rows_may_come_in_any_order() -> None:
    events = read_movielens(max_users=200).interactions
    split = temporal_user(events)
    per_block = split.group_by("user_id", "event_time").agg(pl.col("part").n_unique())
    assert per_block["part"].max() == 1
    assert per_block.height < 0.6 * split.height  # ties are common here, so the line above says something
    shuffled = events.sample(fraction=1.0, shuffle=True, seed=3)
    assert_frame_equal(temporal_user(shuffled), split)
    assert split_hash(temporal_user(shuffled)) == split_hash(split)
    edges = split.group_by("user_id", "part").agg(
        first=pl.col("event_time").min(), last=pl.col("event_time").max()
    )
    wide = edges.pivot("part", index="user_id", values=["first", "last"])
    assert wide.filter(pl.col("last_train") >= pl.col("first_validation")).is_empty()
    assert wide.filter(pl.col("last_validation") >= pl.col("first_test")).is_empty()


def test_hash_sees_the_parts_not_the_order() -> None:
    split = temporal_user(history(list(range(10))))
    moved = split.with_columns(part=pl.lit("train"))
    assert split_hash(split.reverse()) == split_hash(split) != split_hash(moved)


def test_table_carries_protocol_and_hash() -> None:
    table = split_table(history(list(range(10))))
    assert table.columns == ["protocol", "split_hash", "user_id", "item_id", "event_time", "part"]
    assert table["split_hash"].unique().to_list() == [split_hash(table)]
    with pytest.raises(ValueError, match="'sideways' is unknown; there are: temporal_user"):
        split_table(history([1]), "sideways")
