"""Tables as public bug reports describe them: whatever form a value has, what it says is what is loaded."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

from flows.cli.app import app
from tests.ingest.deliveries import deliver, load_delivery

CASES = Path(__file__).parents[1] / "cases"


def checked(folder: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and answer of a check, by the configuration that lies there, or that init drafts."""
    if not (folder / "polyrec.toml").exists():
        assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    answer = CliRunner().invoke(app, ["check", "--config", str(folder / "polyrec.toml"), "--json"])
    return answer.exit_code, json.loads(answer.stdout)


def loaded(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    """A question to the database into which what init drafted was loaded."""
    path = load_delivery(folder / "polyrec.toml")
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(statement).fetchall()


def reading(answer: dict[str, Any], what: str) -> dict[str, Any]:
    """The only reading of a kind."""
    (found,) = [one for one in answer["readings"] if one["what"] == what]
    return found


def as_parquet(folder: Path) -> None:
    rows = pl.read_csv(folder / "interactions.csv", schema_overrides={"item_id": pl.Float64})
    (folder / "interactions.csv").unlink()
    rows.write_parquet(folder / "interactions.parquet")


def as_scientific(folder: Path) -> None:
    rows = pl.read_csv(folder / "interactions.csv", infer_schema=False)
    short = pl.col("item_id").cast(pl.Float64).map_elements("{:.3e}".format, return_dtype=pl.String)
    rows.with_columns(short).write_csv(folder / "interactions.csv")


def users_too(folder: Path) -> None:
    rows = pl.read_csv(folder / "interactions.csv", infer_schema=False)
    rows.with_columns(pl.col("user_id") + ".0").write_csv(folder / "interactions.csv")


@pytest.mark.parametrize(
    ("form", "made"),
    [
        ("csv", None),
        ("jsonl", None),
        ("csv", as_parquet),
        ("csv", as_scientific),
        ("csv", users_too),
    ],
)
def test_ids_that_pandas_made_floats_meet_whole_ones(
    tmp_path: Path, form: str, made: Callable[[Path], None] | None
) -> None:
    folder = shutil.copytree(CASES / "float-ids" / form, tmp_path / "case")
    if made:
        made(folder)
    code, answer = checked(folder)
    assert (code, answer["items"], answer["users"], answer["interactions"]) == (1, 12, 10, 80)
    assert [(one["reason"], one["count"]) for one in answer["problems"]] == [("item id is missing", 1)]
    found = {one["column"]: one["rows"] for one in answer["readings"] if one["what"] == "ids"}
    assert found == {"item_id": 80} | ({"user_id": 81} if made is users_too else {})
    ids = loaded(folder, "select distinct item_id, user_id from core.interactions")
    assert not any("." in text or "e" in text for pair in ids for text in pair)


@pytest.mark.parametrize("item", ["1037.5", "1037.50", "v1.0"])
def test_ids_with_a_true_fraction_stay_as_they_are(tmp_path: Path, item: str) -> None:
    folder = shutil.copytree(CASES / "float-ids" / "csv", tmp_path / "case")
    with (folder / "interactions.csv").open("a") as file:
        file.write(f"1,{item},3.0,1760000000.0\n")
    code, answer = checked(folder)
    assert code == 2 and not answer["usable"]
    assert not [one for one in answer["readings"] if one["what"] == "ids"]


@pytest.mark.parametrize(
    ("write", "found"),
    [
        (None, {"seconds": 6, "milliseconds": 74}),
        (lambda s, newest: f"{s}000" if newest else f"{s}", {"seconds": 74, "milliseconds": 6}),
        (lambda s, _: f"{s}.0", {"seconds": 80}),
        (lambda s, _: f"{s}137", {"milliseconds": 80}),
        (
            lambda s, newest: f"{s}137512" if newest else f"{s}000000000",
            {"microseconds": 6, "nanoseconds": 74},
        ),
        (lambda s, newest: f"{pl.from_epoch(pl.Series([s]))[0]}" if newest else f"{s}", {"seconds": 74}),
    ],
)
def test_each_time_is_read_in_the_unit_in_which_it_is_plausible(
    tmp_path: Path, write: Callable[[int, bool], str] | None, found: dict[str, int]
) -> None:
    folder = shutil.copytree(CASES / "mixed-times", tmp_path / "case")
    expected = pl.read_csv(folder / "expected.csv")
    (folder / "expected.csv").unlink()
    if write:
        rows = [
            (user, item, write(seconds, position == 8 and user in {f"u{n}" for n in range(1, 7)}))
            for user, item, position, seconds in expected.sample(fraction=1, shuffle=True, seed=1).rows()
        ]
        frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
        frame.write_csv(folder / "interactions.csv")
    config = deliver(folder, event_keys='files = ["interactions.csv"]\ntime = "timestamp"\n')
    (config.parent / "items.csv").write_text((CASES / "mixed-times" / "items.csv").read_text())
    code, answer = checked(folder)
    assert (code, answer["interactions"], reading(answer, "times")["units"]) == (0, 80, found)
    assert answer["time_range"]["first"] == "2025-10-09T08:53:20Z"
    rows = loaded(folder, "select user_id, item_id, event_time from core.interactions order by 1, 3")
    order = expected.sort("user", "position").select("user", "item", "epoch").rows()
    assert rows == order


@pytest.mark.parametrize(
    ("form", "encoding"), [("as-exported", "latin-1"), ("iso", "latin-1"), ("utf-16", "")]
)
def test_a_spreadsheets_export_in_german(tmp_path: Path, form: str, encoding: str) -> None:
    folder = shutil.copytree(CASES / "european-export" / form, tmp_path / "case")
    code, answer = checked(folder)
    assert (code, answer["items"], answer["users"], answer["interactions"]) == (1, 12, 12, 72)
    (problem,) = answer["problems"]
    assert problem["example"]["value"].startswith("Stand: 02.01.2026")
    assert answer["time_range"]["first"] == "2025-03-04T18:05:00Z"
    titles = loaded(folder, "select title from core.items order by item_id")
    assert {("Müsli-Schüssel",), ("Gießkanne, grün",), ("Wäschekorb",)} <= set(titles)
    values = loaded(folder, "select distinct value from core.interactions order by 1")
    assert values == [(2.0,), (3.5,), (4.5,), (5.0,)] if form == "as-exported" else max(values) == (5.0,)
    if form == "as-exported":
        assert reading(answer, "times")["date_order"] == "day_first"
        assert reading(answer, "numbers")["decimal"] == ","


OBJECTS = "select item_id, categories from core.items order by item_id"


def rewritten(folder: Path, how: str) -> None:
    """The catalogue of Python text, with the same objects in another form."""
    rows = pl.read_csv(folder / "items.csv", infer_schema=False)
    listed = [eval(text) for text in rows["genres"]]  # of our own file
    if how == "json-text":
        rows.with_columns(pl.Series("genres", map(json.dumps, listed))).write_csv(folder / "items.csv")
        return
    (folder / "items.csv").unlink()
    if how == "parquet":
        rows.with_columns(pl.Series("genres", listed)).write_parquet(folder / "items.parquet")
        return
    lines = [
        json.dumps(row | {"genres": genres}) for row, genres in zip(rows.to_dicts(), listed, strict=True)
    ]
    (folder / "items.jsonl").write_text("\n".join(lines))


@pytest.mark.parametrize("how", ["python-text", "json-text", "jsonl", "parquet"])
def test_objects_give_their_names_as_categories(tmp_path: Path, how: str) -> None:
    plain = shutil.copytree(CASES / "objects" / "plain", tmp_path / "plain")
    folder = shutil.copytree(CASES / "objects" / "python-text", tmp_path / "case")
    if how != "python-text":
        rewritten(folder, how)
    code, answer = checked(folder)
    assert (code, reading(answer, "objects")["rows"]) == (0, 11)
    assert checked(plain)[0] == 0
    assert loaded(folder, OBJECTS) == loaded(plain, OBJECTS)


@pytest.mark.parametrize("cell", ["[{'id': 16}]", "[{'id': 10, 'name': 'Dra", '{"id": 10, "size": 3}'])
def test_objects_without_names_are_a_problem_of_their_own(tmp_path: Path, cell: str) -> None:
    folder = shutil.copytree(CASES / "objects" / "python-text", tmp_path / "case")
    rows = pl.read_csv(folder / "items.csv", infer_schema=False)
    odd = pl.when(pl.col("item_id") < "202").then(pl.lit(cell)).otherwise(pl.col("genres"))
    rows.with_columns(odd.alias("genres")).write_csv(folder / "items.csv")
    code, answer = checked(folder)
    (problem,) = answer["problems"]
    assert (code, problem["kind"], problem["count"]) == (1, "items", 2)
    assert problem["reason"].startswith("genres holds objects whose names cannot be told")
    assert problem["example"] == {"source": "items.csv", "line": 2, "field": "genres", "value": cell}
    by_id = dict(loaded(folder, OBJECTS))
    assert (by_id["200"], by_id["202"]) == ([], ["Thriller", "Documentary"])
