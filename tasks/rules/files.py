"""Business rules from files into the table serving.rules, and out of it again."""

import csv
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_origin

import polars as pl

from tasks.rules.book import all_rules, check_rules, loaded_rules, rule_of
from tasks.settings import Settings
from tasks.settings.rule_conflicts import today
from tasks.settings.rules import Rule
from warehouse.connection import Warehouse
from warehouse.errors import PolyrecError
from warehouse.snapshot import write_snapshot

TABLE, USERS = "serving.rules", "serving.rule_users"
DELIMITER = "|"  # between the values of a list, in CSV
LISTS = {name for name, field in Rule.model_fields.items() if get_origin(field.annotation) is tuple}


def read_file(path: Path) -> list[Rule]:
    """The rules of a .csv, .parquet or .toml file.

    Columns and keys are those of [[fusion.rules]]; in CSV, lists are cut at `|`. TOML has tables `[[rules]]`.

    Raises:
        PolyrecError: the file cannot be read, or a row is no rule; the message names the row.
    """
    try:
        rows = _rows(path)
    except (OSError, ValueError, csv.Error, pl.exceptions.PolarsError) as error:
        (first, *_) = str(error).splitlines() or [type(error).__name__]
        raise PolyrecError(f"cannot read {path}: {first}; give a .csv, .parquet or .toml file") from None
    rules = []
    for number, row in enumerate(rows, start=1):
        where = f"{path}, rule {number}"
        if strange := sorted(set(row) - set(Rule.model_fields)):
            known = ", ".join(Rule.model_fields)
            raise PolyrecError(f"{where}: there is no key {strange[0]!r}; known are {known}")
        rules.append(rule_of(row, where))
    if not rules:
        raise PolyrecError(f"{path} holds no rule; give one a row, or one a table [[rules]]")
    names = [rule.name for rule in rules]
    if twice := [name for name in names if names.count(name) > 1]:
        raise PolyrecError(f"{path}: two rules are called {twice[0]!r}; give each a name of its own")
    return rules


def load_rules(warehouse: Warehouse, settings: Settings, rules: Sequence[Rule]) -> None:
    """Put rules into the table, in the place of those with the same names, unless any contradict one another.

    Raises:
        PolyrecError: they contradict one another, those of the table or of the settings; nothing changes.
    """
    names = [rule.name for rule in rules]
    of_file = {rule.name for rule in settings.fusion.rules}
    if both := [name for name in names if name in of_file]:
        raise PolyrecError(f"rule {both[0]!r} stands in [[fusion.rules]] already; give this one another name")
    with warehouse.transaction():
        _remove(warehouse, names)
        dumped = [rule.model_dump() | {"for_users": bool(rule.users)} for rule in rules]
        warehouse.append(TABLE, _frame(dumped))
        people = [(rule.name, user) for rule in rules for user in sorted(set(rule.users))]
        schema = {"name": pl.String, "user_id": pl.String}
        warehouse.append(USERS, pl.DataFrame(people, schema=schema, orient="row"))
        check_rules(warehouse, settings)
    _show(warehouse)


def remove_rules(warehouse: Warehouse, settings: Settings, names: Sequence[str]) -> None:
    """Take rules out of the table.

    Raises:
        PolyrecError: one is not there; nothing changes.
    """
    known = {rule.name for rule in loaded_rules(warehouse)}
    if unknown := [name for name in names if name not in known]:
        in_file = unknown[0] in {rule.name for rule in settings.fusion.rules}
        hint = "it stands in [[fusion.rules]]: take it out there" if in_file else "see `polyrec rules`"
        raise PolyrecError(f"no rule {unknown[0]!r} was loaded; {hint}")
    with warehouse.transaction():
        _remove(warehouse, names)
    _show(warehouse)


def list_rules(warehouse: Warehouse, settings: Settings) -> list[dict[str, Any]]:
    """All rules with their state today, where they are from, and how much they are about.

    `targets` and `for_users` count the items and people of an active rule; null of another.
    """
    of_file = {rule.name for rule in settings.fusion.rules}
    rules = all_rules(warehouse, settings)
    book = check_rules(warehouse, settings, strict=False)
    return [
        {
            "name": rule.name,
            "kind": rule.kind,
            "state": rule.state(today()),
            "from": "settings" if rule.name in of_file else "table",
            "valid_from": rule.valid_from,
            "valid_until": rule.valid_until,
            "targets": int(book.targets[rule.name].sum()) if rule.name in book.targets else None,
            "for_users": int(book.members[rule.name][:-1].sum()) if rule.name in book.members else None,
            "rule": rule.model_dump(mode="json", exclude_defaults=True, exclude={"name", "kind"}),
        }
        for rule in rules
    ]


def _rows(path: Path) -> list[dict[str, Any]]:
    match path.suffix.lower():
        case ".toml":
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            rows = values.pop("rules", [])
            if values or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise OSError("it must hold tables [[rules]] and nothing else")
            return rows
        case ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                return [_cells(row) for row in csv.DictReader(file, restkey="a cell too many", strict=True)]
        case ".parquet":
            return pl.read_parquet(path).to_dicts()
    raise OSError("its name must end in .csv, .parquet or .toml")


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    """A row of CSV: what is empty is not set, and lists are cut."""
    texts = {key: value.strip() if isinstance(value, str) else value for key, value in row.items()}
    return {
        key: [one.strip() for one in value.split(DELIMITER)] if key in LISTS else value
        for key, value in texts.items()
        if value
    }


def _frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows of serving.rules: lists as lists even where all are empty."""
    now = datetime.now(UTC)
    kept = [{key: value for key, value in row.items() if key != "users"} for row in rows]
    frame = pl.DataFrame(kept, infer_schema_length=None).with_columns(loaded_at=pl.lit(now))
    lists = [name for name in frame.columns if name in LISTS]
    return frame.with_columns(pl.col(lists).cast(pl.List(pl.String)))


def _remove(warehouse: Warehouse, names: Sequence[str]) -> None:
    for table in (TABLE, USERS):
        warehouse.delete(table, {"name": list(names)})


def _show(warehouse: Warehouse) -> None:
    """Let readers know: lists for visitors obey at once, published ones from the next run of fusion on."""
    current = warehouse.query("current_publication")
    if current.height:
        write_snapshot(warehouse, current["publication_id"][0])
