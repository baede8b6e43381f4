"""Removes a person from everything that the project keeps."""

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.settings import Settings
from warehouse.columns import ALL, USER
from warehouse.connection import Warehouse, writing
from warehouse.errors import WarehouseError
from warehouse.forgetting import exists, forget_in_snapshots, forget_rows, known_rows

# What MLflow keeps beside a model as an example of what it may be asked.
EXAMPLES = ("input_example.json", "serving_input_example.json")


@dataclass(frozen=True)
class Forgotten:
    """What was removed."""

    user_id: str
    tables: dict[str, int]
    """Table to rows."""
    snapshots: list[str]
    """Names of the files."""
    tracked: dict[str, int]
    """Files below mlflow/data to rows."""
    matchers: list[str]
    """Saved matchers that went, as fit/name: they hold histories, and the next run fits them again."""
    cleared: list[str]
    """Saved matchers that hold nothing of users any more: visitors are scored by them until then."""


def rows_to_forget(settings: Settings, user_id: str) -> dict[str, int]:
    """What tables hold of a person: table to rows.

    Raises:
        WarehouseError: there is no such user.
    """
    with _open(settings) as warehouse:
        return known_rows(warehouse, user_id)


def forget(settings: Settings, user_id: str, forget_users: Callable[[Path], Sequence[str]]) -> Forgotten:
    """Remove a person from tables, snapshots, spool, saved matchers, MLflow's files and the database file.

    A run that was killed in the middle is finished by asking again. `forget_users` takes what is known of
    users out of the matchers of a folder, and returns the names of those that can do without.

    Raises:
        WarehouseError: there is no such user.
    """
    with _open(settings) as warehouse:
        tables = forget_rows(warehouse, user_id)
        snapshots = forget_in_snapshots(warehouse, user_id)
        folder = settings.data_folder / "matchers"
        saved = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*") if path.is_dir())
        cleared = [f"{ALL}/{name}" for name in forget_users(folder / ALL)]
        for path in folder.glob("*"):
            if path.name != ALL or not cleared:
                shutil.rmtree(path, ignore_errors=True)
        tracked = _forget_tracked(settings.mlflow_folder, user_id)
        warehouse.rewrite()
    gone = [name for name in saved if name not in cleared]
    return Forgotten(user_id, tables, snapshots, tracked, gone, cleared)


def _open(settings: Settings) -> AbstractContextManager[Warehouse]:
    if not exists(settings.data_folder):
        raise WarehouseError(f"there is no warehouse in {settings.data_folder}; nothing is known of anybody")
    return writing(settings.data_folder, "polyrec forget", settings.lock_timeout_s)


def _forget_tracked(folder: Path, user_id: str) -> dict[str, int]:
    """Remove a user from the lists and examples that models keep among their artifacts."""
    removed: dict[str, int] = {}
    for path in sorted(folder.rglob("*.parquet")):
        if pl.read_parquet_schema(path).get(USER) == pl.String:
            rows = pl.read_parquet(path)
            others = rows.filter(pl.col(USER).ne_missing(user_id))
            if others.height < rows.height:
                _replace(path, others.write_parquet)
                removed[str(path.relative_to(folder))] = rows.height - others.height
    for path in sorted(path for name in EXAMPLES for path in folder.rglob(name)):
        example = json.loads(path.read_text(encoding="utf-8"))
        cleared = _without(example, user_id)
        if cleared != example:
            text = json.dumps(cleared, indent=2)
            _replace(path, lambda draft, text=text: draft.write_text(text, encoding="utf-8"))
            removed[str(path.relative_to(folder))] = 1
    return removed


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    draft = path.with_suffix(".tmp")
    write(draft)
    draft.replace(path)


def _without(value: Any, user_id: str) -> Any:
    """JSON with an id of nobody in the place of a user's."""
    if isinstance(value, dict):
        return {key: _without(inner, user_id) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, user_id) for inner in value]
    return "a user id" if value == user_id else value
