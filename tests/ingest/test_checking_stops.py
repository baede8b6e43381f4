"""What makes a delivery unusable; what a check does with a home; damaged files."""

import gzip
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings, strategies

from tasks.ingest.findings import Example
from tests.examples import examples
from tests.ingest.deliveries import EVENT_KEYS, EVENTS, ITEMS, checked, deliver, load_delivery, the_problem
from warehouse.connection import writing


@pytest.mark.parametrize(
    ("delivery", "kind", "words"),
    [
        ({"item_keys": 'files = ["no*.csv"]'}, "source", "'no*.csv' does not exist"),
        (
            {"event_keys": EVENT_KEYS.replace("at", "when")},
            "settings",
            "[data.interactions] time = 'when' is no column of events.csv",
        ),
        ({"event_keys": EVENT_KEYS + 'timezone = "Mars"'}, "settings", "timezone = 'Mars' is unknown"),
        ({"event_keys": ""}, "settings", "[data.interactions] names no files"),
        ({"before": "sauce = 1"}, "settings", "'data.sauce' is 1"),
        ({"items": ""}, "source", "items.csv is empty, without even a header"),
        ({"items": gzip.compress(ITEMS.encode())[:-9]}, "source", "items.csv is cut short or damaged"),
        ({"event_keys": 'connection = "duckdb:///no.duckdb"\ntable = "t"'}, "source", "no.duckdb"),
    ],
)
def test_what_stops_a_check(tmp_path: Path, delivery: dict[str, Any], kind: str, words: str) -> None:
    found = checked(deliver(tmp_path, **delivery))
    (problem,) = found.problems
    assert problem.fatal and problem.kind == kind and words in problem.reason
    answer = found.as_json()
    assert (found.exit_code, answer["usable"], answer["sources"]) == (2, False, [])
    assert {answer[key] for key in ("items", "users", "interactions", "sparsity", "time_range")} == {None}


@pytest.mark.parametrize(
    ("delivery", "kinds"),
    [
        ({"events": "user_id,item_id,rating,at\n"}, {"interactions": "no rows are delivered"}),
        (
            {"events": EVENTS.replace("1,", "7,").replace("2,", "8,").replace("a,", "b,")},
            {"interactions": "none of the 3 rows delivered can be used"},
        ),
        (
            {"items": "item_id,title\n1,\n,x\n"},
            {"items": "none of the 2 rows delivered can be used", "interactions": "none of the 3 rows"},
        ),
    ],
)
def test_nothing_to_use(tmp_path: Path, delivery: dict[str, Any], kinds: dict[str, str]) -> None:
    found = checked(deliver(tmp_path, **delivery))
    fatal = {one.kind: one.reason for one in found.problems if one.fatal}
    assert set(fatal) == set(kinds) and found.exit_code == 2
    for kind, words in kinds.items():
        assert fatal[kind].startswith(words) and f"[data.{kind}]" in fatal[kind]


def contents(database: Path) -> dict[str, list[str]]:
    """Every row of every table that an ingest writes."""
    with duckdb.connect(database, read_only=True) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where schema_name in ('core', 'quarantine', 'ops')"
        ).fetchall()
        return {
            table: sorted(map(repr, connection.execute(f"from {table}").fetchall())) for (table,) in tables
        }


FEW = "item_id,title\n1,Heat\n"


def test_a_delivery_that_looks_broken_beside_what_is_there(tmp_path: Path) -> None:
    database = load_delivery(deliver(tmp_path, ITEMS + "3,Ran\n", EVENTS + "b,9,1,1\n"))
    before, digest = contents(database), sha256(database.read_bytes()).digest()
    assert before["core.items"] and before["quarantine.rows"] and before["ops.ingest_counts"]
    found = checked(deliver(tmp_path, FEW))
    (problem,) = found.problems
    assert problem.fatal and "would deactivate 2 of 3 items" in problem.reason
    assert "`polyrec run --force`" in problem.reason
    assert (problem.count, problem.example) == (2, Example(None, None, "item_id", "2"))
    # Events with items that were delivered once can be used.
    assert found.as_json()["interactions"] == 3 and found.exit_code == 2
    assert checked(deliver(tmp_path, FEW, before="force = true")).exit_code == 0
    assert contents(database) == before and sha256(database.read_bytes()).digest() == digest
    assert {path.name for path in database.parent.iterdir()} <= {"polyrec.duckdb", "polyrec.lock"}


def test_people_who_were_forgotten_are_left_out_and_not_shown(tmp_path: Path) -> None:
    database = load_delivery(deliver(tmp_path))
    with writing(database.parent, "a test") as warehouse:
        warehouse.run("insert into ops.forgotten select sha256('salt' || 'b'), 'salt', now()")
    problem = the_problem(deliver(tmp_path))
    assert (problem.reason, problem.count) == ("user id was forgotten on request", 1)
    assert problem.example == Example("events.csv", 4, "user_id", None)


def test_no_home_is_made(tmp_path: Path) -> None:
    config = deliver(tmp_path)
    assert checked(config).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"items.csv", "events.csv", "polyrec.toml"}


def test_the_embedded_set_needs_no_home(tmp_path: Path) -> None:
    config = tmp_path / "polyrec.toml"
    config.write_text('home = "state"\n[data]\nmax_items = 40\nmax_users = 50\n')
    answer = checked(config).as_json()
    assert answer["usable"] and (answer["items"], answer["users"] <= 50) == (40, True)
    assert not (tmp_path / "state").exists()


def test_waits_for_another_writer_and_gives_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = deliver(tmp_path)
    database = load_delivery(config)
    config.write_text("lock_timeout_s = 0.1\n" + config.read_text())
    with writing(database.parent, "a long test"):
        (problem,) = checked(config).problems
    assert problem.kind == "warehouse" and problem.fatal
    assert "in use by process" in problem.reason and "a long test" in problem.reason


def test_a_home_whose_database_is_damaged(tmp_path: Path) -> None:
    config = deliver(tmp_path)
    database = load_delivery(config)
    database.write_bytes(b"this is no database" * 1000)
    problem = the_problem(config)
    assert problem.kind == "warehouse" and f"cannot read {database}" in problem.reason


piece = strategies.sampled_from(
    [
        b"a",
        b"1",
        b",",
        b"\n",
        b"\r\n",
        b'"',
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\x1f\x8b",
        b"<b>",
        b"'--",
        b"nan",
        b"1e999",
        b"\xc2\xa0",
        b"\xe2\x80\x8b",
    ]
)
damaged = strategies.lists(piece, max_size=12).map(b"".join)


@settings(
    max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(more_items=damaged, more_events=damaged, whole=strategies.booleans())
def test_whatever_is_delivered_an_answer_comes(
    tmp_path: Path, more_items: bytes, more_events: bytes, whole: bool
) -> None:
    items, events = (ITEMS.encode(), EVENTS.encode()) if whole else (b"", b"")
    found = checked(deliver(tmp_path, items + more_items, events + more_events))
    answer = json.loads(json.dumps(found.as_json()))
    assert found.exit_code == {(True, True): 1, (True, False): 0}.get((found.usable, bool(found.problems)), 2)
    assert answer["usable"] or answer["problems"]
    for row in answer["sources"]:
        assert row["rows_in"] == row["used"] + row["quarantined"] + row["merged"] + row["seen_only"]
