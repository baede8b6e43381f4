from pathlib import Path

import pytest

from tasks.settings import Settings, load_settings
from tasks.settings.cache import sys as system
from tasks.settings.cache import user_cache
from warehouse.errors import SettingsError


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "home/.cache/polyrec"),
        ("linux", {"XDG_CACHE_HOME": "TMP/caches"}, "caches/polyrec"),
        ("linux", {"XDG_CACHE_HOME": "caches"}, "home/.cache/polyrec"),  # relative ones are to be ignored
        ("linux", {"XDG_CACHE_HOME": ""}, "home/.cache/polyrec"),
        ("darwin", {}, "home/Library/Caches/polyrec"),
        ("win32", {}, "home/AppData/Local/polyrec"),
        ("win32", {"LOCALAPPDATA": "TMP/local"}, "local/polyrec"),
    ],
)
def test_folder_of_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variables: dict[str, str], folder: str
) -> None:
    monkeypatch.setattr(system, "platform", platform)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("TMP", str(tmp_path)))
    assert user_cache() == tmp_path / folder


def test_without_a_home_folder_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(SettingsError, match="set POLYREC_CACHE to a folder"):
        assert Settings().models_folder
    assert Settings(cache=Path("/caches")).models_folder == Path("/caches/models")


def test_all_homes_have_one_cache(tmp_path: Path) -> None:
    assert Settings(home=tmp_path / "a").models_folder == Settings(home=tmp_path / "b").models_folder


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('cache = "kept"\n')
    assert load_settings(config).models_folder == tmp_path / "kept" / "models"
    monkeypatch.setenv("POLYREC_CACHE", str(tmp_path / "elsewhere"))
    assert load_settings(config).models_folder == tmp_path / "elsewhere" / "models"


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_CACHE", "")
    assert Settings().models_folder == user_cache() / "models"
