"""Folders of made models: whole or not there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a folder to write into, which gets its name when it is complete; a killed run leaves no half one.

    Where another process was faster, its folder stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield unfinished
        if not target.exists():
            os.replace(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
