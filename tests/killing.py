"""Processes that are killed at a point with a name, or after a time.

A module of tests that calls `serve` loads everything once and then forks for every run: it reads one request
a line (a dataclass as JSON) and answers with how the run ended. Before the fork it uses nothing of DuckDB,
Polars or PyTorch, whose threads would not survive it.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tasks.settings import PROJECT

Match = Callable[[tuple[Any, ...]], bool]
"""Whether a call with these arguments is the step."""
Steps = Mapping[str, tuple[type | ModuleType, str, Match]]
"""Name to the function that does the step: its class or module, its name, and which calls of it are meant."""


@dataclass(frozen=True)
class Request:
    """One run."""

    home: str
    kill_at: str | None = None
    """A step with ", before" or ", after"."""
    passing: int = 1
    """At which passing of it."""
    kill_after_s: float | None = None


def named(name: str) -> Match:
    """The calls whose first argument, after the object, is this."""
    return lambda arguments: arguments[1] == name


def always(_: tuple[Any, ...]) -> bool:
    """Every call."""
    return True


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # not reached: the signal is on its way


def arm(steps: Steps, kill_at: str, passing: int) -> None:
    """Make this process kill itself at a point."""
    name, _, when = kill_at.rpartition(", ")
    owner, method, matches = steps[name]
    original = getattr(owner, method)
    passed = 0

    def wrapped(*arguments: Any, **options: Any) -> Any:
        nonlocal passed
        if not matches(arguments):
            return original(*arguments, **options)
        passed += 1
        if passed == passing and when == "before":
            die()
        answer = original(*arguments, **options)
        if passed == passing and when == "after":
            die()
        return answer

    setattr(owner, method, wrapped)


class Killer:
    """The process that forks, as a test speaks to it."""

    def __init__(self, module: str, arguments: Sequence[object], log: Path) -> None:
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, arguments)],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.log = log

    def run(self, request: Request) -> tuple[bool, int, float]:
        """Whether the run was killed, its process id and its seconds; a run that failed is an error."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{json.dumps(asdict(request))}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, self.log.read_text()
        code, pid, seconds = json.loads(answer)
        assert code in (0, -signal.SIGKILL), self.log.read_text()
        return code != 0, pid, seconds


@contextmanager
def killer(module: str, arguments: Sequence[object], log: Path) -> Iterator[Killer]:
    """A process that forks; it is gone afterwards."""
    one = Killer(module, arguments, log)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


def serve(run: Callable[[Any], None], request: type[Request]) -> None:
    """Fork for every line of stdin; answer with exit code, process id and seconds.

    Args:
        run: one run, in a process of its own.
        request: what a line is.
    """
    for line in sys.stdin:
        wanted = request(**json.loads(line))
        start = time.perf_counter()
        pid = os.fork()
        if not pid:
            try:
                run(wanted)
                sys.stderr.flush()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        status = _wait(pid, wanted.kill_after_s)
        answer = (os.waitstatus_to_exitcode(status), pid, time.perf_counter() - start)
        print(json.dumps(answer), flush=True)


def _wait(pid: int, kill_after_s: float | None) -> int:
    """The status of a child that ends, or is ended, by itself or after a time."""
    if kill_after_s is not None:
        deadline = time.perf_counter() + kill_after_s
        while time.perf_counter() < deadline:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return status
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]
