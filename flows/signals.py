"""Signals that ask a process to end."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

TERMINATED = (signal.SIGTERM, signal.SIGHUP)
"""From whoever manages processes, and from a terminal that is closed."""


@contextmanager
def raising(error: BaseException, on: Sequence[signal.Signals]) -> Iterator[None]:
    """Let these signals raise an error in a block, so that what it started is stopped as it leaves.

    A process that nohup has made to outlive its terminal still does. Only the main thread can ask for this.
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise error

    before = {number: signal.getsignal(number) for number in on}
    if before.get(signal.SIGHUP) is signal.SIG_IGN:
        del before[signal.SIGHUP]
    try:
        for number in before:
            signal.signal(number, leave)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
