"""Prefect's temporary server, as a process of its own: `python -m flows.temporary SOCKET PARENT CACHE`.

Prefect would start the same one, but only at the first flow, and it would load all of the server's code into
the run as well. Here the server gets ready while the run still loads its own packages.
"""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path
from threading import Thread

from filelock import FileLock

from tasks.models.files import prepared
from warehouse.errors import PolyrecError

DATABASE = "prefect.db"
DATABASE_URL = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


def serve(listener: socket.socket) -> bool:
    """Serve until a signal comes; returns whether it got ready."""
    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(create_app(ephemeral=True, final=True), log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    return server.started


def end_with(parent: int) -> None:
    """End this process once the one that started it is gone: a killed run leaves no server behind."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def place_tables(database: Path, cache: Path) -> None:
    """Put Prefect's tables, without rows, where there is no database yet: to make them takes it 10 s."""
    with FileLock(database.with_suffix(".lock")):
        if not database.exists():
            made = prepared(tables_folder(cache), _make_tables)
            partial = database.with_suffix(".partial")
            shutil.copyfile(made / DATABASE, partial)
            partial.replace(database)


def tables_folder(cache: Path) -> Path:
    """Where the tables of this version of Prefect are kept."""
    return cache / f"prefect-{version('prefect')}"


def _make_tables(folder: Path) -> None:
    """Let Prefect make its tables in a folder."""
    made = folder / "made"
    made.mkdir()
    command = (sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes")
    own = {**os.environ, "PREFECT_HOME": str(made)}
    subprocess.run(command, env=own, check=True, stdin=subprocess.DEVNULL)
    full, empty = (sqlite3.connect(below / DATABASE) for below in (made, folder))
    with closing(full), closing(empty):
        full.backup(empty)  # what still lies in the write-ahead log comes along
    shutil.rmtree(made)


def main(descriptor: str, parent: str, cache: str) -> int:
    """Run the server on an open socket, as long as the process `parent` lives."""
    Thread(target=end_with, args=(int(parent),), daemon=True).start()
    if DATABASE_URL not in os.environ:
        with suppress(PolyrecError, subprocess.SubprocessError):  # then Prefect makes them in their place
            place_tables(Path(os.environ["PREFECT_HOME"]) / DATABASE, Path(cache))
    return 0 if serve(socket.socket(fileno=int(descriptor))) else 3


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
