"""The temporary Prefect server; tests/flows/cli/test_running.py and test_servers.py start real ones."""

import os
import shutil
import socket
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from flows import temporary
from flows.servers import prefect_environment, temporary_prefect
from flows.temporary import DATABASE, main, place_tables
from tasks.settings import Settings
from warehouse.errors import PolyrecError


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with tables that were made."""
    made = tmp_path / "cache" / f"prefect-{version('prefect')}"
    made.mkdir(parents=True)
    (made / DATABASE).write_text("tables")
    return tmp_path / "cache"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "prefect"
    folder.mkdir()
    monkeypatch.setenv("PREFECT_HOME", str(folder))
    monkeypatch.delenv(temporary.DATABASE_URL, raising=False)
    return folder


def serve(cache: Path) -> int:
    """Run the process' main in this one."""
    with socket.socket() as listener:
        return main(str(os.dup(listener.fileno())), str(os.getppid()), str(cache))


def test_a_new_home_gets_the_tables_of_the_cache(home: Path, cache: Path) -> None:
    place_tables(home / DATABASE, cache)
    assert (home / DATABASE).read_text() == "tables"
    assert not list(home.glob("*.partial"))


def test_a_database_that_is_there_stays(home: Path, cache: Path) -> None:
    (home / DATABASE).write_text("runs")
    place_tables(home / DATABASE, cache)
    assert (home / DATABASE).read_text() == "runs"


def test_a_cache_that_cannot_be_written_keeps_no_server_from_starting(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(temporary, "serve", lambda _: True)
    assert serve(tmp_path / "file") == 0
    assert not (home / DATABASE).exists()  # Prefect makes it


def test_a_database_of_one_s_own_is_left_to_prefect(
    home: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(temporary.DATABASE_URL, "postgresql+asyncpg://elsewhere/prefect")
    monkeypatch.setattr(temporary, "serve", lambda _: False)
    assert serve(cache) == 3  # what did not get ready is no success
    assert not (home / DATABASE).exists()


@pytest.fixture
def fresh(home: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A process that has not loaded Prefect and knows no server."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delitem(sys.modules, "prefect", raising=False)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    return monkeypatch


def test_a_server_that_ends_is_said_with_its_log(fresh: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    prefect_environment(settings)
    wait = temporary_prefect(settings)
    assert os.environ["PREFECT_API_URL"].startswith("http://127.0.0.1:")
    with pytest.raises(PolyrecError, match=r"the Prefect server ended with code 1; read .*server\.log"):
        wait()


@pytest.mark.parametrize("why", ["another server", "none is wanted", "Prefect is loaded"])
def test_none_is_started_where_it_would_not_be_asked(
    fresh: pytest.MonkeyPatch, tmp_path: Path, why: str
) -> None:
    match why:
        case "another server":
            fresh.setenv("PREFECT_API_URL", "http://elsewhere/api")
        case "none is wanted":
            fresh.setenv("PREFECT_SERVER_EPHEMERAL_ENABLED", "false")
        case _:
            fresh.setitem(sys.modules, "prefect", sys)
    before = os.environ.get("PREFECT_API_URL")
    settings = Settings(home=tmp_path)
    prefect_environment(settings)
    temporary_prefect(settings)()
    assert os.environ.get("PREFECT_API_URL") == before
    assert not list(tmp_path.rglob("server.log"))
