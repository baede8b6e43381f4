"""Loading: what is used, what goes to quarantine and why, what is merged, and that the sums hold."""

import json
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings, strategies

from tasks.ingest import validation
from tasks.ingest.validation import check_sums
from tasks.settings.data import Also, Data, Interactions, Items
from tests.examples import examples
from tests.ingest.staged import ITEMS, Row, bad_rows, load_rows, merged_rows, quarantined, seen_only
from warehouse.connection import Warehouse
from warehouse.errors import SettingsError, SourceError

EVENT = ("user_id", "item_id", "rating", "when", "type")
TIMED = Interactions(value="rating", time="when")
WEIGHTED = Interactions(time="when", event="type", event_weights={"view": 1, "buy": 5, "hide": 0})
GOOD = ("a", "1", "5", "1000", "view")


def events(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.query("interactions").rows()


def with_events(interactions: Interactions, items: Items | None = None) -> Data:
    return Data(source="files", interactions=interactions, items=items or Items())


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ((None, "1", "5", "1001", "view"), "user_id", "user id is missing"),
        ((" \t", "1", "5", "1001", "view"), "user_id", "user id is missing"),
        (("a\x00b", "1", "5", "1001", "view"), "user_id", "user id holds control or invisible characters"),
        (("a\u200bb", "1", "5", "1001", "view"), "user_id", "user id holds control or invisible characters"),
        (("a" * 501, "1", "5", "1001", "view"), "user_id", "user id is longer than 500 characters"),
        (("a", None, "5", "1001", "view"), "item_id", "item id is missing"),
        (("a", "9", "5", "1001", "view"), "item_id", "item id is not in the catalogue"),
        (("a", "1", "", "1001", "view"), "rating", "value is missing"),
        (("a", "1", "nan", "1001", "view"), "rating", "value is not finite"),
        (("a", "1", "-inf", "1001", "view"), "rating", "value is not finite"),
        (("a", "1", "good", "1001", "view"), "rating", "value is no number"),
        (("a", "1", "5", None, "view"), "when", "time is missing"),
        (("a", "1", "5", "-1", "view"), "when", "time is no position in an order"),
        (("a", "1", "5", "soon", "view"), "when", "time is no position in an order"),
        (("a", "1", "5", "99999999999", "view"), "when", "time is no position in an order"),
        (("a'; drop table core.items; --", "1", "x", "1001", "view"), "rating", "value is no number"),
    ],
)
def test_each_fault(warehouse: Warehouse, row: Row, field: str, reason: str) -> None:
    rows = [EVENT, GOOD, row, ("b", "2", "1", "1002", "view")]
    loaded = load_rows(warehouse, rows, data=with_events(TIMED))
    assert events(warehouse) == [("a", "1", 5.0, 1000), ("b", "2", 1.0, 1002)]
    ((line, found, why),) = quarantined(warehouse, "interactions")
    assert (line, found) == (3, field) and why.startswith(reason)
    content = json.loads(bad_rows(warehouse)["content"][0])
    assert content["user_id"] == (row[0] and row[0][:1000]) and content["rating"] == row[2]
    assert loaded.counts["quarantined"] == 1 and loaded.numbers_are == "positions"


def test_event_types(warehouse: Warehouse) -> None:
    rows = [
        *(EVENT, GOOD, ("b", "2", "1", "1002", " buy ")),
        *(("c", "1", "5", "1001", " hide "), ("a", "3", "5", "1001", "it's"), ("a", "1", "5", "1001", " ")),
    ]
    loaded = load_rows(warehouse, rows, data=with_events(WEIGHTED))
    assert events(warehouse) == [("a", "1", 1.0, 1000), ("b", "2", 5.0, 1002)]
    assert seen_only(warehouse) == [
        ("a", "3", 1001, None, "it's", "no weight"),
        ("c", "1", 1001, None, "hide", "weight 0"),
    ]
    assert quarantined(warehouse, "interactions") == [(6, "type", "event type is missing")]
    assert warehouse.query("users")["user_id"].to_list() == ["a", "b", "c"]
    assert loaded.counts["seen_only"] == 2 and loaded.totals.filter(kind="interactions")["seen_only"][0] == 2


def test_an_event_that_counts_nothing_needs_no_value_but_no_wrong_one(warehouse: Warehouse) -> None:
    rows = [
        EVENT,
        GOOD,
        *((user, "2", value, "1001", "hide") for user, value in zip("bcd", ("", "x", "2"), strict=True)),
    ]
    load_rows(warehouse, rows, data=with_events(WEIGHTED.model_copy(update={"value": "rating"})))
    assert [(row[0], row[3]) for row in seen_only(warehouse)] == [("b", None), ("d", 2.0)]
    assert [row[:2] for row in quarantined(warehouse, "interactions")] == [(4, "rating")]


def test_a_weight_multiplies_a_rating_and_an_amount_counts_one(warehouse: Warehouse) -> None:
    rows = [
        EVENT,
        ("a", "1", "3", "1000", "buy"),
        ("a", "2", "0", "1001", "buy"),
        ("a", "2", "-2", "9", "view"),
    ]
    rating = WEIGHTED.model_copy(update={"value": "rating"})
    load_rows(warehouse, rows[:2], data=with_events(rating))
    assert events(warehouse) == [("a", "1", 15.0, 1000)]
    amount = TIMED.model_copy(update={"value_is": "amount", "min_value": 1.0})
    load_rows(warehouse, rows, data=with_events(amount))
    assert events(warehouse) == [("a", "1", 1.0, 1000)]
    assert seen_only(warehouse) == [
        ("a", "2", 9, -2.0, None, "amount below min_value"),
        ("a", "2", 1001, 0.0, None, "amount below min_value"),
    ]
    assert quarantined(warehouse, "interactions") == []


def test_of_one_time_the_event_of_interest_counts_and_of_those_without_one_stays(
    warehouse: Warehouse,
) -> None:
    rows = [
        *(EVENT, GOOD, ("a", "1", "1", "1000", "hide"), ("a", "1", "1", "1001", "hide")),
        *(("b", "2", "", "1000", "hide"), ("b", "2", "", "1000", "other"), ("b", "2", "", "1000", "hide")),
    ]
    load_rows(warehouse, rows, data=with_events(WEIGHTED))
    assert seen_only(warehouse) == [
        ("a", "1", 1001, None, "hide", "weight 0"),
        ("b", "2", 1000, None, "hide", "weight 0"),
    ]
    assert merged_rows(warehouse)["line"].to_list() == [3, 5, 6]


def test_the_newest_delivery_says_what_shows_interest(warehouse: Warehouse) -> None:
    rows = [EVENT, ("a", "1", "5", "1000", "x"), ("a", "2", "2", "1001", "x"), ("a", "3", "1", "1002", "x")]
    rated = TIMED.model_copy(update={"value": "rating", "event": None})
    load_rows(warehouse, rows, data=with_events(rated))
    high = with_events(rated.model_copy(update={"min_value": 3.0}))
    for _ in range(2):
        load_rows(warehouse, rows, data=high)
        assert events(warehouse) == [("a", "1", 5.0, 1000)]
        assert [row[1] for row in seen_only(warehouse)] == ["2", "3"]
    load_rows(warehouse, [EVENT, ("b", "1", "1", "1000", "x"), rows[1]], data=high)
    assert [row[:2] for row in seen_only(warehouse)] == [("a", "2"), ("a", "3"), ("b", "1")]
    load_rows(warehouse, rows, data=with_events(rated.model_copy(update={"min_value": 2.0})))
    assert [row[:2] for row in seen_only(warehouse)] == [("a", "3"), ("b", "1")]
    assert [row[1] for row in events(warehouse)] == ["1", "2"]


def test_ids_are_trimmed_and_the_heaviest_then_the_last_of_repeated_events_counts(
    warehouse: Warehouse,
) -> None:
    rows = [
        EVENT,
        ("a", "1", "2", "1000", "first"),
        (" a\u00a0", "1 ", "4", "1000", "heavy"),
        ("a", "1", "4", "1000", "last"),
        ("a", "1", "x", "1000", "broken"),
        ("a", "2", "1", "1000", "other"),
    ]
    loaded = load_rows(warehouse, rows, data=with_events(TIMED.model_copy(update={"event": "type"})))
    assert events(warehouse) == [("a", "1", 4.0, 1000), ("a", "2", 1.0, 1000)]
    assert warehouse.run("select event_type from core.interactions where item_id = '1'") == [("last",)]
    assert merged_rows(warehouse)["line"].to_list() == [2, 3]
    assert loaded.totals.filter(kind="interactions").rows() == [
        ("interactions", "interactions.csv", 5, 2, 1, 2, 0)
    ]


@pytest.mark.parametrize(
    ("text", "timezone", "unit"),
    [
        ("2024-07-01 12:00:00", "UTC", None),
        ("2024-07-01T12:00:00Z", "UTC", None),
        ("2024-07-01T14:00:00+02:00", "Europe/Berlin", None),
        ("2024-07-01T08:00:00.25-0400", "UTC", None),
        ("2024-07-01 14:00", "Europe/Berlin", None),
        ("2024-07-01 14:00:00", "Europe/Berlin", None),
        ("1719835200", "Europe/Berlin", "seconds"),
        ("1719835200123", "UTC", "milliseconds"),
        ("1719835200123456", "UTC", "microseconds"),
    ],
)
def test_times(warehouse: Warehouse, text: str, timezone: str, unit: str | None) -> None:
    noon = int(datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("UTC")).timestamp())
    data = with_events(TIMED.model_copy(update={"timezone": timezone}))
    loaded = load_rows(warehouse, [EVENT, ("a", "1", "5", text, "view")], data=data)
    assert (events(warehouse), loaded.numbers_are) == ([("a", "1", 5.0, noon)], unit)


def test_winter_and_summer_of_one_zone(warehouse: Warehouse) -> None:
    texts = ["2024-01-15 12:00:00", "2024-07-15 12:00:00", "2024-07-15"]
    rows = [EVENT, *(("a", str(n + 1), "5", text, "view") for n, text in enumerate(texts))]
    load_rows(warehouse, rows, data=with_events(TIMED.model_copy(update={"timezone": "Europe/Berlin"})))
    zone = ZoneInfo("Europe/Berlin")
    expected = {
        str(n + 1): int(datetime.fromisoformat(t).replace(tzinfo=zone).timestamp())
        for n, t in enumerate(texts)
    }
    assert {row[1]: row[3] for row in events(warehouse)} == expected


def test_without_times_the_order_of_the_rows_is_the_time(warehouse: Warehouse) -> None:
    rows = [("user_id", "item_id"), ("a", "2"), ("a", "9"), ("a", "1"), ("a", "2")]
    loaded = load_rows(warehouse, rows)
    assert events(warehouse) == [("a", "2", 1.0, 0), ("a", "1", 1.0, 2), ("a", "2", 1.0, 3)]
    assert loaded.counts["order_is_time"] == 1


def test_unknown_items_can_be_added_and_stay_when_loaded_again(warehouse: Warehouse) -> None:
    data = with_events(Interactions(unknown_items="add"))
    rows = [("user_id", "item_id"), ("a", "1"), ("a", "new")]
    load_rows(warehouse, rows, data=data)
    loaded = load_rows(warehouse, rows, data=data)
    assert warehouse.run("select title, active from core.items where item_id = 'new'") == [("new", True)]
    assert loaded.counts["items_unchanged"] == 4 and loaded.counts["interactions_unchanged"] == 2
    assert loaded.totals.filter(kind="items").select("rows_in", "used").rows() == [(3, 3)]


def test_users_are_those_of_the_file_and_of_the_log(warehouse: Warehouse) -> None:
    rows = [("user_id", "item_id"), ("a", "1"), ("b", "1")]
    users = [
        ("user_id", "Age", "city"),
        ("b", "31", "Bonn"),
        ("c", "old", ""),
        ("", "1", ""),
        ("b", "9", "Ulm"),
    ]
    load_rows(warehouse, rows, users=users)
    found = warehouse.run("select user_id, age, profile from core.users order by 1")
    assert found == [("a", None, None), ("b", 31, '{"city":"Bonn"}'), ("c", None, "{}")]
    assert quarantined(warehouse, "users") == [(4, "user_id", "user id is missing")]


def test_searches_and_triples(warehouse: Warehouse) -> None:
    searches = [
        ("user_id", "query", "time"),
        ("a", "<b>red</b>", "1000"),
        ("a", "", "1000"),
        ("", "x", "1000"),
    ]
    triples = [("head", "relation", "tail"), ("1", "by", "Mann"), ("1", "by", "Mann"), ("2", "", "Scott")]
    load_rows(warehouse, [("user_id", "item_id"), ("a", "1")], searches=searches, triples=triples)
    assert warehouse.run("from core.searches") == [("a", "<b>red</b>", 1000)]
    assert warehouse.run("from core.triples") == [("1", "by", "Mann")]
    assert quarantined(warehouse, "searches") == [
        (3, "query", "query is missing"),
        (4, "user_id", "user id is missing"),
    ]
    assert quarantined(warehouse, "triples") == [(4, "relation", "relation is missing")]


def test_sums_are_checked(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("user_id", "item_id"), ("a", "1")]
    totals = load_rows(warehouse, rows).totals
    with pytest.raises(SourceError, match="delivered 3 rows of items, but 2 were used"):
        check_sums(totals.with_columns(used=pl.when(kind="items").then(2).otherwise("used")))
    monkeypatch.setattr(validation.merging, "write_quarantine", lambda *_: None)
    with pytest.raises(
        SourceError, match="1 were used, 0 quarantined, 0 merged and 0 seen only: nothing was"
    ):
        load_rows(warehouse, [*rows, ("a", "unknown")])
    assert len(events(warehouse)) == 1


def test_many_rows_in_quarantine_are_there_however_often_they_are_loaded(warehouse: Warehouse) -> None:
    rows: list[Row] = [("user_id", "item_id", "note")]
    rows += [("a", "1" if n % 2 else "unknown", f"{n} " + "x" * 200) for n in range(300_000)]
    for _ in range(3):
        load_rows(warehouse, rows)
        reasons = warehouse.query("quarantine_reasons").select("kind", "field", "rows", "line").rows()
        assert reasons == [("interactions", "item_id", 150_000, 2)]


def test_wrong_settings_say_what_to_write(warehouse: Warehouse) -> None:
    rows = [("user_id", "item_id"), ("a", "1")]
    with pytest.raises(
        SettingsError, match=r"\[data.interactions\] time = 'at' is no column .* user_id, item_id"
    ):
        load_rows(warehouse, rows, data=with_events(Interactions(time="at")))
    with pytest.raises(SettingsError, match="timezone = 'Mars' is unknown"):
        load_rows(warehouse, rows, data=with_events(Interactions(timezone="Mars")))


texts = strategies.one_of(
    strategies.none(),
    strategies.text(max_size=12),
    strategies.sampled_from(
        (
            "",
            "1",
            "2",
            " 1",
            "a",
            "5",
            "3,5",
            "nan",
            "1e400",
            "-1",
            "1000",
            "2024-01-01",
            "\ufeffa",
            "' or 1=1 --",
        )
    ),
)


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    interactions=strategies.lists(strategies.tuples(*[texts] * 5), max_size=12),
    items=strategies.lists(strategies.tuples(*[texts] * 3), max_size=8),
)
def test_whatever_is_delivered_the_sums_hold(
    warehouse: Warehouse, interactions: list[Row], items: list[Row]
) -> None:
    for table in ("core.items", "core.users", "core.interactions", "core.seen_only"):
        warehouse.run(f"delete from {table}")
    data = Data(
        source="files",
        items=Items(categories="kinds", active="kinds", content=("kinds",), duplicates="most_common"),
        interactions=WEIGHTED.model_copy(
            update={"value": "rating", "event_weights": {"1": 2.0, "a": 1.0, "0": 0.0}, "min_value": 1.0}
        ),
    )
    good = [("a", "1", "1", str(1_760_000_000 + n), "1") for n in range(13)]
    rows = [EVENT, *interactions, *good]
    loaded = load_rows(warehouse, rows, [("item_id", "title", "kinds"), *items, ("1", "One", "yes")], data)
    check_sums(loaded.totals)
    assert loaded.totals["rows_in"].to_list() == [len(items) + 1, len(interactions) + 13]
    keys = [row[:2] + row[3:] for row in events(warehouse)]
    assert len(keys) == len(set(keys)) and ("a", "1", 1_760_000_000) in keys
    assert all(0 <= row[3] <= time.time() + 90_000 for row in events(warehouse))  # type: ignore[operator]
    assert max(line for line, _, _ in [(1, "", ""), *quarantined(warehouse, "interactions")]) <= len(rows)


def test_further_tables_about_items(warehouse: Warehouse) -> None:
    also = Also(files=("unused",), id="id", description="plot", content=("studio",))
    data = Data(source="files", items=Items(also=(also,)))
    about = [
        ("id", "plot", "studio", "n"),
        ("1", "A heist\ngoes wrong.", "Warner", "7"),
        ("1", "Again.", "", ""),
        ("9", "Of no item.", "", ""),
        ("", "", "", ""),
    ]
    loaded = load_rows(warehouse, [("user_id", "item_id"), ("a", "1")], data=data, also1=about)
    found = warehouse.run("select description, content, attributes from core.items where item_id = '1'")
    assert found == [("A heist goes wrong.", '{"studio":"Warner"}', '{"n":"7"}')]
    assert loaded.totals.filter(kind="also1").rows() == [("also1", "also1.csv", 4, 1, 2, 1, 0)]
    assert quarantined(warehouse, "also1") == [
        (4, "id", "item id is not in the catalogue"),
        (5, "id", "item id is missing"),
    ]
    assert len(ITEMS) == 4
