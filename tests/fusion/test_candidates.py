import numpy as np
import polars as pl
import pytest

from tasks.fusion.candidates import Candidates
from tests.fusion import toys


def long_rows(candidates: Candidates) -> pl.DataFrame:
    rows = [
        (toys.USER_IDS[user], toys.ITEM_IDS[item], name, candidates.scores[row, column, at])
        for row, user in enumerate(candidates.users)
        for column, item in enumerate(candidates.items[row])
        if item >= 0
        for at, name in enumerate(candidates.matchers)
    ]
    schema = {"user_id": pl.String, "item_id": pl.String, "matcher": pl.String, "score": pl.Float32}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_pivot_gives_back_what_was_laid_out_whatever_the_order_of_the_rows() -> None:
    candidates = toys.random_candidates()
    frame = long_rows(candidates).sample(fraction=1.0, shuffle=True, seed=1)
    back = Candidates.from_frame(frame, toys.USER_IDS, toys.ITEM_IDS, toys.MATCHERS)
    width = back.items.shape[1]
    np.testing.assert_array_equal(back.users, candidates.users)
    np.testing.assert_array_equal(back.items, candidates.items[:, :width])
    np.testing.assert_array_equal(back.scores, candidates.scores[:, :width])


def test_a_user_without_candidates_has_no_row_and_matchers_can_be_left_out() -> None:
    frame = long_rows(toys.random_candidates()).filter(pl.col("user_id") != "u03")
    back = Candidates.from_frame(frame, toys.USER_IDS, toys.ITEM_IDS, ["ease"])
    assert 3 not in back.users
    assert len(back.users) == toys.USERS - 1
    assert back.scores.shape[2] == 1
    assert back.matchers == ("ease",)


def test_take_keeps_rows_together() -> None:
    candidates = toys.random_candidates()
    some = candidates.take(np.array([5, 2]))
    np.testing.assert_array_equal(some.items, candidates.items[[5, 2]])
    np.testing.assert_array_equal(some.users, [5, 2])


def test_bad_scores_are_refused_with_what_to_do() -> None:
    frame = long_rows(toys.random_candidates())

    def read(bad: pl.DataFrame, matchers: tuple[str, ...] = toys.MATCHERS) -> None:
        Candidates.from_frame(bad, toys.USER_IDS, toys.ITEM_IDS, matchers)

    with pytest.raises(ValueError, match="'u00' and item .* have 2 scores, need one of each of"):
        read(frame[1:])
    with pytest.raises(ValueError, match="scored user 'u00' and item .* twice"):
        read(
            frame.with_columns(
                matcher=pl.when(pl.int_range(pl.len()) == 1).then(pl.lit("cosine_max")).otherwise("matcher")
            )
        )
    with pytest.raises(ValueError, match="scores must be finite"):
        read(frame.with_columns(score=pl.lit(float("nan"), dtype=pl.Float32)))
    with pytest.raises(ValueError, match="matcher 'two_tower' has no scores"):
        read(frame, (*toys.MATCHERS, "two_tower"))
    with pytest.raises(ValueError, match="user_id 'stranger' is not among the 40 known ids"):
        read(frame.with_columns(user_id=pl.lit("stranger")))


def test_blocks_of_users_join_to_the_whole() -> None:
    whole = toys.random_candidates()
    frame = long_rows(whole)
    first = pl.col("user_id") < toys.USER_IDS[5]
    blocks = [
        Candidates.from_frame(rows, toys.USER_IDS, toys.ITEM_IDS, toys.MATCHERS)
        for rows in (frame.filter(first), frame.filter(~first))
    ]
    joined = Candidates.joined(blocks)
    at_once = Candidates.from_frame(frame, toys.USER_IDS, toys.ITEM_IDS, toys.MATCHERS)
    np.testing.assert_array_equal(joined.users, at_once.users)
    np.testing.assert_array_equal(joined.items, at_once.items)
    np.testing.assert_array_equal(joined.scores, at_once.scores)
