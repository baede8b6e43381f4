"""Sorts delivered rows into those that can be used and those that go to quarantine, with the reason."""

from typing import NamedTuple

import polars as pl

LATEST_TIME = 4_102_444_800  # 2100-01-01; anything later is most likely in milliseconds

QUARANTINE_SCHEMA = {"source": pl.String, "line": pl.Int64, "reason": pl.String, "content": pl.String}


class Checked(NamedTuple):
    """The two halves of a delivery; `quarantine` has the columns of quarantine.rows."""

    good: pl.DataFrame
    quarantine: pl.DataFrame


def _missing(column: str) -> pl.Expr:
    return pl.col(column).is_null() | (pl.col(column).str.strip_chars() == "")


def _divide(frame: pl.DataFrame, source: str, reasons: list[tuple[str, pl.Expr]]) -> Checked:
    """Give each row its first reason; rows without one are good. Both halves keep their `line`."""
    reason = pl.coalesce(*(pl.when(is_bad).then(pl.lit(text)) for text, is_bad in reasons))
    judged = frame.with_columns(reason.alias("reason"))
    content = [column for column in frame.columns if column != "line"]
    bad = judged.filter(pl.col("reason").is_not_null()).select(
        pl.lit(source).alias("source"),
        pl.col("line"),
        pl.col("reason"),
        pl.struct(content).struct.json_encode().alias("content"),
    )
    good = judged.filter(pl.col("reason").is_null()).drop("reason")
    return Checked(good, bad.cast(QUARANTINE_SCHEMA))  # type: ignore[arg-type]


def _with_lines(frame: pl.DataFrame) -> pl.DataFrame:
    """Number the rows from 1 when the source did not say which line each came from."""
    return frame if "line" in frame.columns else frame.with_row_index("line", offset=1)


def check_entities(frame: pl.DataFrame, id_column: str, source: str) -> Checked:
    """Check items or users: each row needs an id of its own.

    Args:
        frame: Rows, with their `line` in the source where known.
        id_column: `item_id` or `user_id`.
        source: Where they came from, as kept in quarantine.
    """
    reasons = [
        (f"{id_column} is missing", _missing(id_column)),
        (f"{id_column} was on an earlier line", ~pl.col(id_column).is_first_distinct()),
    ]
    checked = _divide(_with_lines(frame), source, reasons)
    return Checked(checked.good.drop("line"), checked.quarantine)


def check_interactions(frame: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame, source: str) -> Checked:
    """Check events: known ids, a finite value, a possible time, and no two of one user, item and time.

    Args:
        frame: user_id, item_id, value, event_time, with their `line` in the source where known.
        items: Known items.
        users: Known users.
        source: Where they came from, as kept in quarantine.
    """
    event = pl.struct("user_id", "item_id", "event_time")
    value_is_bad = pl.col("value").is_null() | ~pl.col("value").is_finite()
    time_is_bad = pl.col("event_time").is_null() | ~pl.col("event_time").is_between(0, LATEST_TIME)
    broken = [
        ("user_id is missing", _missing("user_id")),
        ("item_id is missing", _missing("item_id")),
        ("user_id is unknown", ~pl.col("user_id").is_in(users["user_id"].implode())),
        ("item_id is unknown", ~pl.col("item_id").is_in(items["item_id"].implode())),
        ("value is not a finite number", value_is_bad),
        (f"event_time is not in seconds from 0 to {LATEST_TIME}", time_is_bad),
    ]
    whole = _divide(_with_lines(frame), source, broken)
    # Only among whole rows: a broken row must not make a good one look like a repetition.
    same_value = pl.struct("user_id", "item_id", "event_time", "value")
    repeated = [
        ("the same event was on an earlier line", ~same_value.is_first_distinct()),
        ("an earlier line gave this user, item and time another value", ~event.is_first_distinct()),
    ]
    once = _divide(whole.good, source, repeated)
    return Checked(once.good.drop("line"), pl.concat([whole.quarantine, once.quarantine]).sort("line"))
