"""Empty stores, made once and then copied: making the tables anew takes a warehouse 0.1 s and MLflow 2 s."""

import atexit
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from filelock import FileLock

from tasks.settings import Settings
from warehouse.connection import DATABASE, writing

SESSION_FOLDER = "TESTS_SESSION_FOLDER"
"""Names, in the environment, a folder for all processes of a session: MLflow's tables are made once, too."""


def with_warehouse(folder: Path) -> Path:
    """Put a warehouse without rows into a folder; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_warehouse(), folder / DATABASE)
    return folder


def with_tracking(settings: Settings) -> Settings:
    """Put an MLflow store without runs into a home; returns the home's settings."""
    settings.mlflow_folder.mkdir(parents=True, exist_ok=True)
    made = _tracking()
    copy_database(made, settings.mlflow_folder / made.name)
    return settings


def copy_database(made: Path, copy: Path) -> None:
    """Copy an SQLite file that others may have open; it appears whole."""
    partial = copy.with_suffix(".partial")
    with closing(sqlite3.connect(made)) as source, closing(sqlite3.connect(partial)) as target:
        source.backup(target)  # what still lies in the write-ahead log comes along
    partial.replace(copy)


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="polyrec-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _warehouse() -> Path:
    folder = _folder()
    with writing(folder, "a test"):
        pass
    return folder / DATABASE


@cache
def _tracking() -> Path:
    named = os.environ.get(SESSION_FOLDER)
    folder = Path(named) if named else _folder()
    settings = Settings(home=folder)
    made = folder / "mlflow.db"
    with FileLock(folder / "lock"):
        if not made.exists():
            from tasks.run.tracking import Tracking

            Tracking(settings).client.search_experiments()
            copy_database(settings.mlflow_folder / made.name, made)
    return made
