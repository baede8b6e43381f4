"""Rules from files into the table and out of it; a file that cannot be used changes nothing."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tasks.rules.book import check_rules, loaded_rules
from tasks.rules.files import list_rules, load_rules, read_file, remove_rules
from tasks.settings import Settings
from tasks.settings.rules import Rule
from tests.empty import with_warehouse
from tests.warehouse.conftest import fill, publish
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError
from warehouse.forgetting import forget_rows
from warehouse.snapshot import reading, write_snapshot

RULES = [
    Rule(name="no_crime", kind="block", categories=("Crime", "Horror"), valid_until=date(2099, 1, 1)),
    Rule(name="gone", kind="out_of_stock", items=("1", "2"), valid_until=date(2020, 1, 1)),
    Rule(name="hello", kind="pin", items=("1",), rank=11, users=("a", "b")),
    Rule(name="none", kind="cap", per="year", at_most=0, valid_from=date(2098, 12, 24)),
    Rule(name="up", kind="boost", column="year", values=("1995",), strength=0.5),
]
CSV = """name,kind,items,categories,users,rank,at_most,per,column,values,strength,valid_from,valid_until
no_crime,block,,Crime|Horror,,,,,,,,,2099-01-01
gone,out_of_stock,1 | 2,,,,,,,,,,2020-01-01
hello,pin,1,,a|b,11,,,,,,,
none,cap,,,,,0,year,,,,2098-12-24,
up,boost,,,,,,,year,1995,0.5,,
"""
TOML = """
[[rules]]
name = "no_crime"
kind = "block"
categories = ["Crime", "Horror"]
valid_until = 2099-01-01
[[rules]]
name = "gone"
kind = "out_of_stock"
items = ["1", "2"]
valid_until = "2020-01-01"
[[rules]]
name = "hello"
kind = "pin"
items = ["1"]
rank = 11
users = ["a", "b"]
[[rules]]
name = "none"
kind = "cap"
per = "year"
at_most = 0
valid_from = 2098-12-24
[[rules]]
name = "up"
kind = "boost"
column = "year"
values = ["1995"]
strength = 0.5
"""
NOTHING = Settings()


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_format_gives_the_same_rules(tmp_path: Path) -> None:
    pl.DataFrame([rule.model_dump() for rule in RULES], infer_schema_length=None).write_parquet(
        tmp_path / "r.parquet"
    )
    files = [written(tmp_path, "r.csv", CSV), written(tmp_path, "r.toml", TOML), tmp_path / "r.parquet"]
    for file in files:
        assert read_file(file) == RULES, file


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("r.xls", "", "its name must end in .csv, .parquet or .toml"),
        ("r.toml", "[[rules]\n", r"cannot read .*r.toml: .*line 1"),
        ("r.toml", "a = 1\n", r"it must hold tables \[\[rules\]\] and nothing else"),
        ("r.parquet", "x", "cannot read .*r.parquet"),
        ("r.csv", "name,kind\n", "holds no rule"),
        ("r.csv", "name,kind,shelf\na,block,1\n", "rule 1: there is no key 'shelf'; known are name, kind,"),
        ("r.csv", "name,kind,items,rank\na,pin,1,2\nb,pin,1,top\n", r"r.csv, rule 2: rank: Input should be"),
        ("r.csv", "name,kind\na,block\n", r"rule 'a' \(block\) names no item"),
        ("r.csv", "name,kind,items\na,block,1\na,block,2\n", "two rules are called 'a'"),
        ("r.csv", "name,kind\na,exclude_seen,1\n", "a cell too many"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(PolyrecError, match=said) as error:
        read_file(written(tmp_path, name, text))
    assert "\n" not in str(error.value)
    with pytest.raises(PolyrecError, match="No such file"):
        read_file(tmp_path / "no.csv")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with writing(with_warehouse(tmp_path / "data"), "a test") as opened:
        fill(opened)
        yield opened


def test_loaded_rules_come_back_as_they_were(warehouse: Warehouse) -> None:
    load_rules(warehouse, NOTHING, RULES)
    assert loaded_rules(warehouse) == sorted(RULES, key=lambda rule: rule.name)
    load_rules(warehouse, NOTHING, [RULES[0].model_copy(update={"categories": ("Drama",)})])
    assert {rule.name: rule.categories for rule in loaded_rules(warehouse)}["no_crime"] == ("Drama",)
    shown = {row["name"]: row for row in list_rules(warehouse, NOTHING)}
    assert {name: row["state"] for name, row in shown.items()} == {
        "no_crime": "active",
        "gone": "expired",
        "hello": "active",
        "none": "future",
        "up": "active",
    }
    assert (shown["hello"]["targets"], shown["hello"]["for_users"], shown["gone"]["targets"]) == (1, 2, None)
    remove_rules(warehouse, NOTHING, ["gone", "hello"])
    assert [rule.name for rule in loaded_rules(warehouse)] == ["no_crime", "none", "up"]
    assert warehouse.query("rules").height == 3


def test_a_contradiction_changes_nothing(warehouse: Warehouse) -> None:
    load_rules(warehouse, NOTHING, RULES[2:3])
    block = Rule(name="no", kind="block", categories=("Comedy",))
    with pytest.raises(PolyrecError, match="'hello' and 'no' contradict"):
        load_rules(warehouse, NOTHING, [block])
    in_file = Settings.model_validate({"fusion": {"rules": [block]}})
    with pytest.raises(PolyrecError, match=r"'no' stands in \[\[fusion.rules\]\] already"):
        load_rules(warehouse, in_file, [block])
    assert [rule.name for rule in loaded_rules(warehouse)] == ["hello"]
    with pytest.raises(PolyrecError, match="no rule 'x' was loaded; see `polyrec rules`"):
        remove_rules(warehouse, NOTHING, ["hello", "x"])
    with pytest.raises(PolyrecError, match=r"no rule 'no' was loaded; it stands in \[\[fusion.rules\]\]"):
        remove_rules(warehouse, in_file, ["no"])
    assert [rule.name for rule in loaded_rules(warehouse)] == ["hello"]


def test_a_rule_for_a_forgotten_person_is_for_nobody_not_for_all(warehouse: Warehouse) -> None:
    block = Rule(name="no", kind="block", items=("2",), users=("a",))
    load_rules(warehouse, NOTHING, [block, RULES[2]])
    forget_rows(warehouse, "a")
    assert [(rule.name, rule.users) for rule in loaded_rules(warehouse)] == [("hello", ("b",))]
    assert check_rules(warehouse, NOTHING).rules == tuple(loaded_rules(warehouse))


def test_readers_see_rules_at_once(warehouse: Warehouse) -> None:
    publish(warehouse, "p1", 0.5)
    write_snapshot(warehouse, "p1")
    load_rules(warehouse, NOTHING, RULES)
    with reading(warehouse.folder) as snapshot:
        assert loaded_rules(snapshot) == loaded_rules(warehouse)


def test_rules_may_be_written_before_there_are_items(tmp_path: Path) -> None:
    with writing(with_warehouse(tmp_path / "empty"), "a test") as empty:
        load_rules(empty, NOTHING, [Rule(name="no", kind="block", column="brand", values=("x",))])
        assert not check_rules(empty, NOTHING).targets["no"].size
