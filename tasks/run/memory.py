"""Memory that nothing holds any more."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Give freed memory back to the system, which glibc else keeps in case it is asked for again.

    A run would hold the most that any of its stages needed at once, and more: what was freed in small pieces
    is not used for large ones.
    """
    with suppress(OSError, AttributeError):  # another C library, which looks after itself
        ctypes.CDLL(None).malloc_trim(0)
