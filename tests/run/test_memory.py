"""Memory that nothing holds any more."""

import subprocess
import sys

import pytest

# Some small pieces are kept, the last one among them, so that what is freed is not the end of the heap.
FRAGMENTED = """
import psutil
from tasks.run.memory import give_back

pieces = [b"x" * (5_000 if at % 100 == 99 else 100_000 + at) for at in range(3_000)]
kept = pieces[99::100]
del pieces
before = psutil.Process().memory_info().rss
give_back()
print(before - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' C libraries look after themselves")
def test_what_was_freed_goes_back_to_the_system() -> None:
    freed = subprocess.run([sys.executable, "-c", FRAGMENTED], check=True, capture_output=True, text=True)
    assert int(freed.stdout) > 50_000_000
