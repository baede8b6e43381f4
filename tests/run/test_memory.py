"""Memory that nothing holds any more."""

import subprocess
import sys

import numpy as np
import pytest

from tasks.run.memory import peak_rss_mb
from tasks.settings import PROJECT

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


def test_peak_memory_is_the_processs_own() -> None:
    """And not what the process that started it held before."""
    ballast = np.ones(2**26)  # 512 MB
    assert peak_rss_mb() > ballast.nbytes / 2**20
    code = "from tasks.run.memory import peak_rss_mb; print(peak_rss_mb())"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert 10 < float(answer.stdout) < 500
