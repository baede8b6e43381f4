"""Which rows are written together."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.corpus.planning import shards_of
from warehouse.spool import number_of_shards, shard_key


def texts(n_items: int) -> pl.DataFrame:
    places = [(str(item), slot) for item in range(n_items) for slot in range(3)]
    return pl.DataFrame(places, schema={"item_id": pl.String, "slot": pl.Int32}, orient="row")


@pytest.mark.parametrize(("items", "per_shard"), [(1, 1), (3, 64), (64, 64), (65, 64), (1682, 64), (40, 4)])
def test_shards_are_a_power_of_two_of_about_the_asked_size(items: int, per_shard: int) -> None:
    shards = number_of_shards(items, per_shard)
    assert shards & (shards - 1) == 0
    assert items / per_shard <= shards < 2 * max(1, items / per_shard)


def test_shards_hold_every_row_once_and_whole_items() -> None:
    rows = texts(100)
    shards = shards_of(rows, rows, 16)
    assert len(shards) == 8 and list(shards) == sorted(shards)
    assert_frame_equal(pl.concat(shards.values()), rows, check_row_order=False)
    for key, part in shards.items():
        assert part.height and {shard_key(item_id, 8) for item_id in part["item_id"]} == {key}
        assert part.equals(part.sort(pl.col("item_id").cast(pl.Int32), "slot"))


def test_a_few_missing_rows_stay_in_their_shards() -> None:
    rows = texts(100)
    whole, few = shards_of(rows, rows, 16), shards_of(rows[30:33], rows, 16)
    ((key, part),) = few.items()
    assert part.equals(rows[30:33]) and part.rows() == whole[key].filter(item_id="10").rows()
    assert shards_of(rows.clear(), rows, 16) == {}
