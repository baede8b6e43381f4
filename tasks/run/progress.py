"""Progress of long work: a bar in a terminal, else (cron, a log file) a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

LINE_EVERY_S = 60.0


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time if task.finished else task.elapsed
        unit = task.fields.get("unit", "it")
        return Text(f"{task.completed / seconds:,.1f} {unit}/s" if seconds else f"- {unit}/s")


@contextmanager
def progress(description: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    """Show on stderr how far the block is; call what it gives with how many more are done.

    Without a total nobody knows how long it takes.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines(console, description, total, unit)
        return
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task(description, total=total, unit=unit)
        yield lambda more: bars.advance(bar, more)


class Lines:
    """Prints a line when one is due: what takes less than LINE_EVERY_S stays silent.

    Args:
        console: to print on.
        description: of the work.
        total: units in all; None when nobody knows.
        unit: of the work, plural.
        clock: seconds, which never go back.
    """

    def __init__(
        self,
        console: Console,
        description: str,
        total: int | None,
        unit: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._clock = console, clock
        self._description, self._total, self._unit = description, total, unit
        self._done, self._start = 0, clock()
        self._due = self._start + LINE_EVERY_S

    def __call__(self, more: int) -> None:
        """Count units that are done."""
        self._done += more
        now = self._clock()
        if now < self._due:
            return
        self._due = now + LINE_EVERY_S
        rate = self._done / (now - self._start)
        of, left = "", ""
        if self._total is not None:
            of = f" of {self._total:,}"
            left = f", {(self._total - self._done) / rate:,.0f} seconds left" if rate else ""
        line = f"{self._description}: {self._done:,}{of} {self._unit}, {rate:,.1f} a second{left}"
        self._console.print(line, highlight=False, soft_wrap=True, markup=False)
