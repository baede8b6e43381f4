"""Memory: what this process has held at most, and giving back what nothing holds any more."""

import ctypes
import resource
from contextlib import suppress
from pathlib import Path


def give_back() -> None:
    """Give freed memory back to the system, which glibc else keeps in case it is asked for again.

    A run would hold the most that any of its stages needed at once, and more: what was freed in small pieces
    is not used for large ones.
    """
    with suppress(OSError, AttributeError):  # another C library, which looks after itself
        ctypes.CDLL(None).malloc_trim(0)


def peak_rss_mb() -> float:
    """Return the most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage begins with what the process that started this one held
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes, on macOS
