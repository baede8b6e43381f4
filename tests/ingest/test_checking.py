"""Checking: figures, every class of problem with its example, and that nothing is written."""

import tomllib
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tasks.ingest.findings import Example, Findings, Problem, quarantine_problems
from tasks.settings import PROJECT
from tests.ingest.deliveries import (
    EVENT_KEYS,
    EVENTS,
    ITEM_KEYS,
    ITEMS,
    checked,
    deliver,
    the_problem,
)

SHARED = PROJECT.parent / "shared" / "data"
real = pytest.mark.skipif(not SHARED.exists(), reason="real data sets are not here")


def test_figures(tmp_path: Path) -> None:
    items = (
        "item_id,title,kinds,plot\n1,Heat,Crime|Drama,A heist.\n2,Alien,,In space.\n3,Ran,Drama,\n4,Ronin,,\n"
    )
    events = EVENTS + "a,1,2,4000\n"
    keys = ITEM_KEYS + 'categories = "kinds"\ndescription = "plot"\n'
    (tmp_path / "users.csv").write_text("user_id\nc\na\n")
    found = checked(deliver(tmp_path, items, events, keys, further='[data.users]\nfiles = ["users.csv"]\n'))
    assert (found.usable, found.exit_code, found.problems) == (True, 0, [])
    answer = found.as_json()
    assert {key: answer[key] for key in ("items", "users", "interactions")} == {
        "items": 4,
        "users": 3,
        "interactions": 4,
    }
    assert answer["sparsity"] == pytest.approx(1 - 3 / 12)  # a, 1 is there twice
    assert answer["time_range"] == {
        "first": None,
        "last": None,
        "numbers_are": "positions",
        "order_is_time": True,
    }
    assert answer["text_coverage"] == {"title": 1.0, "description": 0.5, "categories": 0.5}
    assert answer["sources"] == [
        {"kind": kind, "source": f"{name}.csv", "rows_in": n, "used": n}
        | {"quarantined": 0, "merged": 0, "seen_only": 0}
        for kind, name, n in (("users", "users", 2), ("items", "items", 4), ("interactions", "events", 4))
    ]


def test_without_times_the_order_is_the_time(tmp_path: Path) -> None:
    answer = checked(deliver(tmp_path, event_keys='files = ["events.csv"]\n')).as_json()
    assert answer["time_range"] == {"first": None, "last": None, "numbers_are": None, "order_is_time": True}


@pytest.mark.parametrize(
    ("delivery", "kind", "reason", "example"),
    [
        (
            {"events": EVENTS + "b,9,3,1\nb,8,3,1\n"},
            "interactions",
            "is not in the catalogue; if such items exist, add them: "
            'unknown_items = "add" in [data.interactions]',
            Example("events.csv", 5, "item_id", "9"),
        ),
        (
            {"events": EVENTS + 'b,2,"3,125",1\nb,3,"3,250",1\n'},
            "interactions",
            "value may be above a thousand or a fraction, and no row of the column tells: "
            'write decimal = "." or decimal = "," in [data.interactions]',
            Example("events.csv", 5, "rating", "3,125"),
        ),
        (
            {"events": EVENTS + "b,2,3,soon\nb,3,3,later\n"},
            "interactions",
            "time is no position in an order such as 7, which most rows of this column hold; "
            "if these are no times, name another column: "
            "time = ... in [data.interactions]",
            Example("events.csv", 5, "at", "soon"),
        ),
        (
            {"events": EVENTS + "b,2,0,1\nb,3,-1,1\n"},
            "interactions",
            "value is 0 or below and counts as interest, since no min_value is set; write the lowest value "
            "that shows some: min_value = ... in [data.interactions]",
            Example("events.csv", 5, "rating", "0"),
        ),
        (
            {"events": EVENTS + "b,2\nb,3\n"},
            "interactions",
            "has 2 fields, not 4; if most rows are like this: delimiter = ... in [data.interactions]",
            Example("events.csv", 5, None, "b,2"),
        ),
        (
            {"items": ITEMS + "4,\n5,\n"},
            "items",
            "title is missing; another column may name them: title = ... in [data.items]",
            Example("items.csv", 5, "title", None),
        ),
        (
            {"items": ITEMS + "4,\u00e9\n5,x\n6,7\n9,9\n"},
            "items",
            "no text at all: no letter in the title, no description, categories or content; "
            "name the columns that hold some in [data.items]",
            Example("items.csv", 7, "item_id", "6"),
        ),
        (
            {"items": ITEMS + '"a\nb",Jaws\n"\nc\u200bd",Ikiru\n'},
            "items",
            "item id holds control or invisible characters",
            Example("items.csv", 5, "item_id", "a\nb"),
        ),
        (
            {"items": ITEMS + "4,Jaws\n5,Ikiru\n6,M\n7,Persona\n", "before": "max_items = 5"},
            "items",
            "item id left out by max_items; keep more: max_items in [data]",
            Example("items.csv", 7, "item_id", None),
        ),
    ],
)
def test_rows_that_cannot_be_used(
    tmp_path: Path, delivery: dict[str, Any], kind: str, reason: str, example: Example
) -> None:
    config = deliver(tmp_path, **delivery)
    problem = the_problem(config)
    assert problem.kind == kind and problem.reason.endswith(reason)
    assert (problem.count, problem.example) == (2, example)
    found = checked(config)
    assert (found.usable, found.exit_code) == (True, 1)
    for row in found.sources:
        assert row["rows_in"] == row["used"] + row["quarantined"] + row["merged"] + row["seen_only"]


def test_rows_that_show_no_interest_are_no_problem_but_counted(tmp_path: Path) -> None:
    keys = EVENT_KEYS + "min_value = 3.5\n"
    found = checked(deliver(tmp_path, events=EVENTS + "b,2,3.4,1\nc,2,3,1\nc,3,,1\n", event_keys=keys))
    assert [one.reason for one in found.problems if "min_value" in one.reason] == []
    answer = found.as_json()
    assert (answer["users"], answer["interactions"], answer["seen_only"]) == (3, 2, 3)
    assert answer["seen_only_reasons"] == [
        {"reason": "value 3 is below min_value = 3.5", "count": 2},
        {"reason": "value 3.4 is below min_value = 3.5", "count": 1},
    ]
    (events,) = (row for row in found.sources if row["kind"] == "interactions")
    assert (events["rows_in"], events["used"], events["seen_only"], events["quarantined"]) == (6, 2, 3, 1)
    many = "".join(f"d,1,{n / 100},{n}\n" for n in range(20))
    answer = checked(deliver(tmp_path, events=EVENTS + many, event_keys=keys)).as_json()
    assert answer["seen_only_reasons"] == [{"reason": "value is below min_value = 3.5", "count": 21}]


def test_nothing_but_events_of_no_interest_stops_a_run(tmp_path: Path) -> None:
    problem = the_problem(deliver(tmp_path, event_keys=EVENT_KEYS + "min_value = 9\n"))
    assert problem.fatal
    assert (
        "none of the 3 rows delivered can be used, and 3 of them are seen only: by min_value"
        in problem.reason
    )


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    config = deliver(tmp_path, ITEMS.encode() + b"4,Caf\xe9\n", item_keys=ITEM_KEYS + 'encoding = "utf-8"\n')
    problem = the_problem(config)
    assert problem.reason.endswith('if the whole file is Latin-1: encoding = "latin-1"')
    assert problem.example and (problem.example.line, problem.example.field) == (5, "title")


def test_a_further_table_about_items(tmp_path: Path) -> None:
    (tmp_path / "plots.csv").write_text("film,plot\n1,A heist.\n9,Lost.\n")
    also = '[[data.items.also]]\nfiles = ["plots.csv"]\nid = "film"\ndescription = "plot"\n'
    found = checked(deliver(tmp_path, further=also))
    (problem,) = found.problems
    assert (problem.kind, problem.reason) == ("also1", "item id is not in the catalogue")
    assert problem.example == Example("plots.csv", 3, "film", "9")
    assert found.as_json()["text_coverage"]["description"] == pytest.approx(1 / 3)


def test_the_most_frequent_comes_first(tmp_path: Path) -> None:
    events = EVENTS + "b,9,3,1\nb,2,x,1\nb,2,x,1\n,2,3,1\n,2,3,1\n,2,3,1\n"
    counts = [row["count"] for row in checked(deliver(tmp_path, events=events)).as_json()["problems"]]
    assert counts == [3, 2, 1]


TYPED = (
    "user_id,item_id,what,at\na,1,view,1\na,2,add to cart,2\nb,2,add to cart ,3\nb,1,purchase,4\nb,3,hide,5\n"
)
TYPE_KEYS = 'files = ["events.csv"]\ntime = "at"\nevent = "what"\n'


def test_types_without_a_weight_and_the_line_that_gives_them_one(tmp_path: Path) -> None:
    weights = "event_weights = {view = 1.0, hide = 0.0}\n"
    found = checked(deliver(tmp_path, events=TYPED, event_keys=TYPE_KEYS + weights))
    line = 'event_weights = {"view" = 1.0, "hide" = 0.0, "add to cart" = 3, "purchase" = 5}'
    advice = f"in [data.interactions]: {line}"
    assert [(one.reason, one.count) for one in found.ordered] == [
        (f"event type 'add to cart' has no weight; {advice}", 2),
        (f"event type 'purchase' has no weight; {advice}", 1),
    ]
    assert found.ordered[1].example == Example("events.csv", 5, "what", "purchase")
    assert {"reason": "event type 'hide' has weight 0", "count": 1} in found.as_json()["seen_only_reasons"]
    assert tomllib.loads(line)["event_weights"]["add to cart"] == 3
    again = checked(deliver(tmp_path, events=TYPED, event_keys=TYPE_KEYS + line))
    assert again.problems == [] and again.as_json()["seen_only"] == 1
    assert checked(deliver(tmp_path, events=TYPED, event_keys=TYPE_KEYS)).problems == []


def test_content_computed_from_interactions_is_refused_and_the_rest_is_told(tmp_path: Path) -> None:
    items = "item_id,title,avg_rating,maker\n1,Heat,4.5,Mann\n2,Alien,4.0,\n3,Ran,,Kurosawa\n"
    (tmp_path / "facts.csv").write_text("item_id,n_sales\n1,\n2,7\n")
    also = '[[data.items.also]]\nfiles = ["facts.csv"]\nid = "item_id"\ncontent = ["n_sales"]\n'
    keys = ITEM_KEYS + 'content = ["avg_rating", "maker"]\n'
    found = checked(deliver(tmp_path, items, item_keys=keys, further=also))
    assert [one.example for one in found.ordered] == [
        Example("items.csv", 2, "avg_rating", "4.5"),
        Example("facts.csv", 3, "n_sales", "7"),
    ]
    for one in found.problems:
        assert one.fatal and one.kind == "settings"
        assert "take it out of `content` in [data.items]" in one.reason
    assert (found.exit_code, found.as_json()["usable"], found.as_json()["items"]) == (2, False, 3)


def test_tables_of_a_database(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute(
            "create table log as select 'a' as user_id, 1 as item_id, 5 as rating, date '2024-01-01' as at"
        )
        connection.execute("insert into log values ('b', 4, 2, date '2024-01-02')")
    keys = 'connection = "duckdb:///shop.duckdb"\ntable = "log"\nvalue = "rating"\ntime = "at"\n'
    found = checked(deliver(tmp_path, event_keys=keys))
    (problem,) = found.problems
    assert problem.example and (problem.example.line, problem.example.value) == (2, "4")
    assert found.as_json()["time_range"]["first"] == "2024-01-01T00:00:00Z"


def test_items_that_events_name_have_no_text(tmp_path: Path) -> None:
    keys = EVENT_KEYS + 'unknown_items = "add"\n'
    found = checked(deliver(tmp_path, events=EVENTS + "a,new,1,1\n", event_keys=keys))
    (problem,) = found.problems
    assert (problem.kind, problem.count, problem.example) == (
        "items",
        1,
        Example(None, None, "item_id", "new"),
    )
    assert found.as_json()["items"] == 4 and found.as_json()["text_coverage"]["title"] == 0.75


def test_rare_reasons_are_one_problem() -> None:
    reasons = pl.DataFrame(
        {
            "kind": ["interactions"] * 4,
            "reason": ["a", "b", "c", "d"],
            "rows": [9, 5, 2, 1],
            "field": ["f"] * 4,
            "source": ["x"] * 4,
            "line": [1, 2, 3, 4],
            "content": ['{"f": "' + "v" * 300 + '"}', "{}", '{"g": "1"}', "3"],
        }
    )
    kept = quarantine_problems(reasons, 2)
    assert kept == [
        Problem("interactions", "a", 9, Example("x", 1, "f", "v" * 200)),
        Problem("interactions", "b", 5, Example("x", 2, "f", None)),
        Problem("rows", "2 further reasons", 3, Example("x", 3, "f", '{"g": "1"}')),
    ]
    assert quarantine_problems(reasons, 4)[3].example == Example("x", 4, "f", "3")
    assert Findings(kept).exit_code == 1


@real
def test_real_films(tmp_path: Path) -> None:
    from tasks.ingest.draft import draft

    films = SHARED / "ml-latest-small"
    made = draft(
        tmp_path,
        {
            "items": [films / "movies.csv", films / "overviews.csv.gz"],
            "interactions": [films / "ratings.csv"],
        },
    )
    (tmp_path / "polyrec.toml").write_text(made.text)
    found = checked(tmp_path / "polyrec.toml")
    answer = found.as_json()
    assert found.exit_code in (0, 1)
    assert (answer["users"], answer["items"], answer["interactions"]) == (610, 9_742, 100_836)
    assert answer["sparsity"] == pytest.approx(1 - 100_836 / (610 * 9_742))
    assert answer["text_coverage"]["description"] == pytest.approx(6_183 / 9_742, abs=0.001)
    assert answer["time_range"]["first"].startswith("1996-03") and answer["time_range"]["last"].startswith(
        "2018-09"
    )


@real
def test_real_shop(tmp_path: Path) -> None:
    from tasks.ingest.draft import draft

    log = SHARED / "online-retail" / "transactions.parquet"
    (tmp_path / "polyrec.toml").write_text(draft(tmp_path, {"interactions": [log]}).text)
    found = checked(tmp_path / "polyrec.toml")
    assert found.exit_code == 1
    rows = {row["kind"]: row for row in found.sources}
    names = ("rows_in", "used", "quarantined", "merged", "seen_only")
    assert tuple(rows["interactions"][name] for name in names) == (541_909, 387_797, 135_080, 10_240, 8_792)
    for row in rows.values():
        assert row["rows_in"] == row["used"] + row["quarantined"] + row["merged"] + row["seen_only"]
    assert sum(one.count for one in found.problems if one.kind == "interactions") == 135_080
    assert found.ordered[0].reason == "user id is missing" and found.as_json()["users"] == 4_372
