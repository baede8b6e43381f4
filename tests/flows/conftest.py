import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from flows.cli import app as cli
from flows.temporary import DATABASE, place_tables
from tasks.settings import Settings
from tests.empty import with_warehouse
from tests.flows.commands import Answer
from tests.homes import ITEMS, LIST_LENGTH, Home
from tests.warehouse.conftest import fill
from warehouse.connection import writing


@pytest.fixture(scope="session")
def servers_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A POLYREC_HOME that tests with real servers share, with Prefect's tables."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    folder = settings.data_folder / "prefect"
    folder.mkdir(parents=True)
    place_tables(folder / DATABASE, settings.cache_folder)
    return settings.home


@pytest.fixture
def filled_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The warehouse's folder of a home with two items, which commands of this process are about."""
    monkeypatch.setenv("POLYREC_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    folder = with_warehouse(tmp_path / "warehouse" / "data")
    with writing(folder, "a test") as warehouse:
        fill(warehouse)
    return folder


@pytest.fixture
def polyrec(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run the command in this process."""
    # Where Prefect was loaded `main` ends the process at once; this one has tests to go on with.
    monkeypatch.setattr(cli, "_leave", lambda code: None)
    monkeypatch.setenv("COLUMNS", "160")

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["polyrec", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return Answer(int(left.value.code or 0), out, err)

    return call


@pytest.fixture
def ask(polyrec: Callable[..., Answer], finished: Home) -> Callable[..., Answer]:
    """Run the command on a finished home."""
    return lambda *arguments: polyrec(*arguments, "--config", finished.config)


@pytest.fixture
def user(finished: Home) -> str:
    """Someone with a history and a whole list."""
    events = finished.query("interactions").group_by("user_id").len()
    known = events.filter(pl.col("len").is_between(4, ITEMS - LIST_LENGTH)).sort("user_id")
    return known["user_id"][0]
