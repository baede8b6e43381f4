"""An empty warehouse, for tests of ingest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.empty import with_warehouse
from warehouse.connection import Warehouse, writing


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty warehouse, open for writing."""
    with writing(with_warehouse(tmp_path / "data"), "a test") as opened:
        yield opened


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse that the tests of a module share: what they stage takes the place of what was staged."""
    with writing(tmp_path_factory.mktemp("staging"), "a test") as opened:
        yield opened
