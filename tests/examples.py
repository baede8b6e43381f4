"""How many examples the tests of properties try."""

import os

FULL = os.environ.get("HYPOTHESIS_PROFILE") in ("thorough", "search")


def examples(n: int) -> int:
    """`n` where all is tried (`make test-thorough`, or a search for new ones), else a quarter of it."""
    return n if FULL else n // 4
