"""Progress of long work: a bar in a terminal, else (cron, a log file) a line every LINE_EVERY_S seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

QUIET_S = 2.0  # what is over by then prints nothing
LINE_EVERY_S = 30.0


class Advance(Protocol):
    """What `progress` gives."""

    def __call__(self, more: int, now: str = "") -> None:
        """Count `more` units as done; `now` names what is worked on from here, such as a matcher."""


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time if task.finished else task.elapsed
        return Text(f"{task.completed / seconds:,.1f} {task.fields['unit']}/s" if seconds else "")


@contextmanager
def progress(description: str, total: int | None, unit: str) -> Iterator[Advance]:
    """Show on stderr how far the block is; call what it gives as units are done.

    Without a terminal there is a line as the block starts, one every LINE_EVERY_S seconds even if no unit was
    done meanwhile, and one as it ends; a block that is over in QUIET_S seconds prints nothing.

    Args:
        description: of the work.
        total: units in all; None when nobody knows.
        unit: of the work, plural.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        lines, over = Lines(console, description, total, unit), Event()
        beats = Thread(target=lines.beat, args=(over.wait,), name="progress", daemon=True)
        beats.start()
        try:
            yield lines
            lines.end()
        finally:
            over.set()
            beats.join()
        return
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task(description, total=total, unit=unit, now="")

        def advance(more: int, now: str = "") -> None:
            bars.update(bar, advance=more, now=now or bars.tasks[0].fields["now"])

        yield advance


class Lines:
    """Prints a line when one is due; what it is given is as in `progress`, `clock` gives seconds."""

    def __init__(
        self,
        console: Console,
        description: str,
        total: int | None,
        unit: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._clock, self._lock = console, clock, Lock()
        self._description, self._total, self._unit = description, total, unit
        self._done, self._now, self._start, self._lines = 0, "", clock(), 0
        self._due = self._start + QUIET_S

    def __call__(self, more: int, now: str = "") -> None:
        """Count units that are done."""
        with self._lock:
            self._done += more
            self._now = now or self._now
            self._print_if_due()

    def beat(self, wait: Callable[[float], bool]) -> None:
        """Print what is due until `wait`, which takes seconds, says that the work is over."""
        while not wait(max(0.0, self._due - self._clock())):
            with self._lock:
                self._print_if_due()

    def end(self) -> None:
        """Say that the work is over, if anything was said of it."""
        with self._lock:
            if self._lines:
                self._print(f"done in {self._clock() - self._start:,.0f} seconds")

    def _print_if_due(self) -> None:
        now = self._clock()
        if now < self._due:
            return
        self._due = now + LINE_EVERY_S
        rate = self._done / (now - self._start)
        slow = rate < 0.1
        said = f"{rate * 60 if slow else rate:,.1f} a {'minute' if slow else 'second'}"
        if not rate:
            said = f"{now - self._start:,.0f} seconds so far"
        elif self._total is not None:
            said += f", {(self._total - self._done) / rate:,.0f} seconds left"
        self._print(said + (f"; now {self._now}" if self._now else ""))

    def _print(self, said: str) -> None:
        self._lines += 1
        of = "" if self._total is None else f" of {self._total:,}"
        line = f"{self._description}: {self._done:,}{of} {self._unit}, {said}"
        self._console.print(line, highlight=False, soft_wrap=True, markup=False)
