"""One writing process at a time: a file lock that the system frees when its holder dies, and who holds it.

The note (a JSON file beside the lock) is only for the message to those who wait: the lock alone decides.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from warehouse.errors import WarehouseBusy

LOOK_EVERY_S = 0.5


def describe_holder(folder: Path) -> str:
    """Who holds the lock, as well as the note tells."""
    try:
        note = json.loads((folder / "polyrec.lock.json").read_text(encoding="utf-8"))
        return f"process {note['pid']} ({note['purpose']}, since {note['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process that left no note of itself"


def say_to_stderr(message: str) -> None:
    """Tell the person at the terminal."""
    print(message, file=sys.stderr, flush=True)


def busy(folder: Path, holder: str, timeout_s: float) -> WarehouseBusy:
    """The error of a writer that waited long enough."""
    return WarehouseBusy(
        f"the warehouse in {folder} is in use by {holder}; waited {timeout_s:g} s: "
        "let it finish or stop it, then try again, or raise lock_timeout_s"
    )


@contextmanager
def exclusive(folder: Path, purpose: str, timeout_s: float, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the write lock of a folder that exists.

    `purpose` is told to others who wait; `on_wait` is called with a message when waiting begins, and again
    when the holder changes.

    Raises:
        WarehouseBusy: another process still held the lock after `timeout_s`.
    """
    # Not per thread: tasks share the lock of their process, and another thread may be the one that lets go.
    lock = FileLock(folder / "polyrec.lock", thread_local=False)
    deadline = time.monotonic() + timeout_s
    told = ""
    while True:
        left = deadline - time.monotonic()
        try:
            # The first look does not wait, so that the message comes before the waiting.
            lock.acquire(timeout=min(max(left, 0.0), LOOK_EVERY_S) if told else 0)
            break
        except Timeout:
            holder = describe_holder(folder)
            if left <= 0:
                raise busy(folder, holder, timeout_s) from None
            if holder != told:
                on_wait(f"waiting up to {left:.0f} s for {holder}, who writes to the warehouse")
                told = holder
    note = folder / "polyrec.lock.json"
    try:
        since = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
        draft = note.with_suffix(".tmp")
        draft.write_text(
            json.dumps({"pid": os.getpid(), "purpose": purpose, "since": since}), encoding="utf-8"
        )
        draft.replace(note)
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()
