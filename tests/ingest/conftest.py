"""An empty warehouse, for tests of ingest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.connection import Warehouse, writing


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty warehouse, open for writing."""
    with writing(tmp_path / "data", "a test") as opened:
        yield opened
