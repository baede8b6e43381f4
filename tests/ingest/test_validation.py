"""Bad rows go to quarantine with their line and reason; good rows stay."""

import json
import math

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.ingest.validation import QUARANTINE_SCHEMA, check_entities, check_interactions

ITEMS = pl.DataFrame({"item_id": ["1", "2"]})
USERS = pl.DataFrame({"user_id": ["a", "b"]})
GOOD = ("a", "1", 5.0, 10)


def events(*rows: tuple[str | None, str | None, float | None, int | None]) -> pl.DataFrame:
    schema = {"user_id": pl.String, "item_id": pl.String, "value": pl.Float64, "event_time": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((None, "1", 5.0, 11), "user_id is missing"),
        ((" ", "1", 5.0, 11), "user_id is missing"),
        (("a", None, 5.0, 11), "item_id is missing"),
        (("z", "1", 5.0, 11), "user_id is unknown"),
        (("a", "9", 5.0, 11), "item_id is unknown"),
        (("a", "1", None, 11), "value is not a finite number"),
        (("a", "1", math.nan, 11), "value is not a finite number"),
        (("a", "1", math.inf, 11), "value is not a finite number"),
        (("a", "1", 5.0, None), "event_time is not in seconds"),
        (("a", "1", 5.0, -1), "event_time is not in seconds"),
        (("a", "1", 5.0, 881250949000), "event_time is not in seconds"),
        (GOOD, "the same event was on an earlier line"),
        (("a", "1", 4.0, 10), "an earlier line gave this user, item and time another value"),
    ],
)
def test_each_fault(row: tuple[str | None, str | None, float | None, int | None], reason: str) -> None:
    good, quarantine = check_interactions(events(GOOD, row, ("b", "2", 1.0, 12)), ITEMS, USERS, "toy")
    assert_frame_equal(good, events(GOOD, ("b", "2", 1.0, 12)))
    assert quarantine.height == 1 and quarantine.schema == QUARANTINE_SCHEMA
    found = quarantine.row(0, named=True)
    assert (found["source"], found["line"]) == ("toy", 2) and found["reason"].startswith(reason)
    assert json.loads(found["content"])["user_id"] == row[0]


def test_a_broken_row_does_not_shadow_a_good_one() -> None:
    good, quarantine = check_interactions(events(("a", "1", None, 10), GOOD), ITEMS, USERS, "toy")
    assert good.rows() == [GOOD] and quarantine["line"].to_list() == [1]


def test_given_lines_are_kept() -> None:
    frame = events(GOOD, ("z", "1", 5.0, 11)).with_columns(line=pl.Series([7, 3]))
    good, quarantine = check_interactions(frame, ITEMS, USERS, "toy")
    assert good.columns == ["user_id", "item_id", "value", "event_time"]
    assert quarantine["line"].to_list() == [3]


def test_entities_need_an_id_of_their_own() -> None:
    frame = pl.DataFrame({"item_id": ["1", None, "2", "1"], "title": ["A", "B", "C", "D"]})
    good, quarantine = check_entities(frame, "item_id", "toy")
    assert good.rows() == [("1", "A"), ("2", "C")]
    assert quarantine.select("line", "reason").rows() == [
        (2, "item_id is missing"),
        (4, "item_id was on an earlier line"),
    ]


def test_nothing_bad_gives_an_empty_quarantine() -> None:
    good, quarantine = check_interactions(events(GOOD), ITEMS, USERS, "toy")
    assert good.height == 1 and quarantine.is_empty() and quarantine.schema == QUARANTINE_SCHEMA
