"""Homes for tests: folders with a configuration and, after a run, all state."""

import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest

from tasks.models.engine import Engine
from tasks.settings import Settings, load_settings
from tests.empty import with_tracking
from warehouse.connection import writing

# The default ones that are fitted in no time; inverse_popularity has no lists of its own.
MATCHERS = {"cosine_max", "cosine_mean", "ease", "popularity", "inverse_popularity", "slit"}
ITEMS, USERS, SLOTS, LIST_LENGTH, TRIALS = 24, 80, 3, 12, 6

CONFIG = f"""
seed = 7
home = "HOME"

[data]
max_items = {ITEMS}
max_users = {USERS}

[corpus]
shard_items = 8

[matching]
matchers = {sorted(MATCHERS)}
candidates = 18

[fusion]
method = "weighted"
trials = {TRIALS}
list_length = {LIST_LENGTH}

[evaluation]
resamples = 200
"""

CASES = Path(__file__).parent / "cases"
"""Folders with items.csv and interactions.csv: small worlds after public bug reports."""
SMALL_CONFIG = f"""
seed = 7
home = "HOME"

[data]
source = "files"

[data.items]
files = ["CASE/items.csv"]
id = "item_id"
title = "title"

[data.interactions]
files = ["CASE/interactions.csv"]
user = "user_id"
item = "item_id"
time = "timestamp"
FURTHER
[corpus]
angle_set = "products"

[fusion]
trials = {TRIALS}

[evaluation]
resamples = 200
"""


SMALL_KEYS = {"dislikes": 'value = "rating"\nmin_value = 1\n'}
"""Further keys of [data.interactions], by case."""


@dataclass(frozen=True)
class Home:
    """A POLYREC_HOME and the configuration file that names it."""

    folder: Path

    @property
    def config(self) -> Path:
        """For --config."""
        return self.folder / "polyrec.toml"

    @property
    def settings(self) -> Settings:
        """What is in the configuration."""
        return load_settings(self.config)

    @property
    def data(self) -> Path:
        """The warehouse's folder."""
        return self.settings.data_folder

    def query(self, name: str, **parameters: object) -> pl.DataFrame:
        """Run a stored query on the warehouse, while no other process has it."""
        with writing(self.data, "a test") as warehouse:
            return warehouse.query(name, **parameters)

    def frame(self, statement: str) -> pl.DataFrame:
        """Run a statement on the warehouse, while no other process has it."""
        with writing(self.data, "a test") as warehouse:
            return warehouse.frame(statement)

    def counts(self, stage: str) -> dict[str, float]:
        """The counts of the last run of a stage."""
        runs = self.query("last_runs")
        return runs.row(by_predicate=pl.col("stage") == stage, named=True)["counts"]

    def copy(self, folder: Path) -> "Home":
        """A home with the same state. MLflow goes on keeping artifacts in the first one's folder."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        _write_config(folder)
        return Home(folder)


def new_home(folder: Path, tables: bool = True) -> Home:
    """A home without state.

    Args:
        folder: The home.
        tables: Whether the tables of MLflow are there, which a first run takes seconds to make.
    """
    _write_config(folder)
    home = Home(folder)
    home.data.mkdir(parents=True)
    if tables:
        with_tracking(home.settings)
    return home


def small_home(folder: Path, case: str) -> Home:
    """A home whose tables are those of a small world, without a run; its matchers are the default ones."""
    home = new_home(folder)
    config = SMALL_CONFIG.replace("HOME", str(folder)).replace("CASE", str(CASES / case))
    home.config.write_text(config.replace("FURTHER", SMALL_KEYS.get(case, "")), encoding="utf-8")
    return home


def _write_config(folder: Path) -> None:
    (folder / "polyrec.toml").write_text(CONFIG.replace("HOME", str(folder)), encoding="utf-8")


def run_flow(home: Home, name: str, engine: Engine | None = None) -> None:
    """Run a flow in this process, on the language model or another engine."""
    from tasks.corpus import steps

    with pytest.MonkeyPatch.context() as patched:
        if engine:
            patched.setattr(steps, "load_engine", lambda *_: engine)
        getattr(import_module(f"flows.{name}"), name)(str(home.config))
