"""Names of older versions are refused with today's."""

from pathlib import Path

import pytest

from tasks.matching.registry import known
from tasks.settings import load_settings
from tasks.settings.renamed import KEYS, MATCHERS
from warehouse.errors import SettingsError

LOSS = "most_diverse_within_5_percent_ndcg"
RATIOS = "most_accurate_with_1.3_times_catalogue_and_1.12_times_ild"
REPLACED = [
    *((old, 0.5, f"{new.rpartition('.')[2]} = 0.5") for old, new in KEYS.items()),
    ("fusion.choose", LOSS, "max_ndcg_loss = 0.05"),
    ("fusion.choose", "most_diverse_within_2.5_percent_ndcg", "max_ndcg_loss = 0.025"),
    ("fusion.choose", "most_accurate", "max_ndcg_loss = 0.0"),
    ("fusion.choose", RATIOS, "max_ndcg_loss"),
    ("fusion.choose_diverse", RATIOS, "diverse_catalogue_ratio = 1.3 and diverse_ild_ratio = 1.12"),
    ("fusion.choose_diverse", "most_accurate", "diverse_catalogue_ratio = 0.0 and diverse_ild_ratio = 0.0"),
    ("fusion.choose_diverse", LOSS, "diverse_catalogue_ratio and diverse_ild_ratio"),
]


def refusal(config: Path | None = None) -> str:
    """What is said of settings that cannot be used; one line."""
    with pytest.raises(SettingsError) as error:
        load_settings(config)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("key", "value", "new"), REPLACED)
def test_old_key_of_a_file(tmp_path: Path, key: str, value: object, new: str) -> None:
    section, _, name = key.rpartition(".")
    path = tmp_path / "mine.toml"
    path.write_text(f"seed = 1\n[{section}]\n{name} = {value!r}\n")
    assert refusal(path) == f"{path}: key '{key}' has another name now: write {new} in its place"


@pytest.mark.parametrize(("key", "value", "new"), REPLACED)
def test_old_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, key: str, value: object, new: str
) -> None:
    section = key.rpartition(".")[0]
    variable = f"POLYREC_{key.replace('.', '__')}".upper()
    monkeypatch.setenv(variable, str(value))
    said = refusal()
    assert said.startswith(f"environment variable {variable} has another name now: write POLYREC_")
    for part in new.split(" and "):
        name, _, number = part.partition(" = ")
        assert f"POLYREC_{section.replace('.', '__')}__{name}".upper() in said
        assert number in said


def test_old_key_in_json_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_FUSION", f'{{"choose": "{LOSS}"}}')
    assert refusal() == (
        "environment variable POLYREC_FUSION has another name now: "
        "write POLYREC_FUSION__MAX_NDCG_LOSS=0.05 in its place"
    )


@pytest.mark.parametrize(("old", "new"), MATCHERS.items())
def test_old_matcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    told = f"matcher '{old}' is called '{new}' now"
    path = tmp_path / "mine.toml"
    path.write_text(f"[matching]\nmatchers = ['ease', '{old}']\n")
    said = refusal(path)
    assert told in said and said.startswith(f"{path}: key 'matching.matchers' is")
    monkeypatch.setenv("POLYREC_MATCHING__MATCHERS", f'["{old}"]')
    said = refusal()
    assert told in said and said.startswith("environment variable POLYREC_MATCHING__MATCHERS is")
    with pytest.raises(SettingsError, match=told):
        known(old)


def test_today_s_names_are_no_old_ones() -> None:
    assert not set(KEYS) & set(KEYS.values()) and not set(MATCHERS) & set(MATCHERS.values())
