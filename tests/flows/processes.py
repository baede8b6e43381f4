"""Real processes and HTTP for the tests of the servers and the deployments."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from tasks.settings import PROJECT


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask(url: str, body: object = None) -> Any:
    """GET, or POST when there is a body; the answer read as JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    for wait_s in (0.2, 1, 3, 5, None):
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return json.loads(response.read() or "null")
        except urllib.error.HTTPError as error:
            if (
                error.code != 503 or wait_s is None
            ):  # 503: SQLite was busy; Prefect's own client tries again too
                raise
            time.sleep(wait_s)
    raise AssertionError("not reached")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except OSError:
        return False


def clean_environment(**extra: str) -> dict[str, str]:
    """Return the environment without what would lead to another server, and with `extra`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_", "POLYREC_"))}
    return {**kept, **extra}


@contextmanager
def started(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
    python: Path = Path(sys.executable),
) -> Iterator[subprocess.Popen[str]]:
    """Run Python with these arguments in the project's folder; it and what it started are gone afterwards.

    Args:
        arguments: After `python`.
        environment: Instead of a clean one.
        python: The interpreter.
        log: Takes what is printed, for a process that nobody reads from; else it can be read from stdout.
    """
    with ExitStack() as stack:
        process = subprocess.Popen(
            [python, *arguments],
            cwd=PROJECT,
            env=environment or clean_environment(),
            stdout=stack.enter_context(log.open("w")) if log else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
            for member in family:
                member.terminate()
            _, stubborn = psutil.wait_procs(family, timeout=20)
            for member in stubborn:
                member.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 150) -> None:
    """Wait for something that a process brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise AssertionError(f"ended with code {process.returncode}: {process.communicate()[0]}")
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.2)


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
