"""Empty stores, made once and then copied: making the tables anew takes a warehouse 0.1 s and MLflow 2 s."""

import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from tasks.settings import Settings
from warehouse.connection import DATABASE, writing


def with_warehouse(folder: Path) -> Path:
    """Put a warehouse without rows into a folder; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_warehouse(), folder / DATABASE)
    return folder


def with_tracking(settings: Settings) -> Settings:
    """Put an MLflow store without runs into a home; returns the home's settings."""
    settings.mlflow_folder.mkdir(parents=True, exist_ok=True)
    made = _tracking()
    with (
        closing(sqlite3.connect(made)) as source,
        closing(sqlite3.connect(settings.mlflow_folder / made.name)) as target,
    ):
        source.backup(target)  # what still lies in the write-ahead log comes along
    return settings


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
    from tasks.tracking import Tracking

    settings = Settings(home=_folder())
    Tracking(settings).client.search_experiments()
    (made,) = settings.mlflow_folder.glob("*.db")
    return made
