"""Adaptation in the world of tests/camps.py: everybody goes through the camp's items in the same circle."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mlflow.tracking import MlflowClient

from tasks.ingest.splits import split_interactions
from tasks.run.adaptation import adaptation_lines, adaptation_report
from tasks.settings import Settings
from tests.camps import USERS, camp_home
from tests.killing import Killer, Request, killer
from tests.matching.adaptation.killing import adapt, settings_of
from warehouse.connection import writing

COMPETING = ["ease", "slit", "two_tower"]
KEPT = ("cosine_max", "ease", "popularity", "slit")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world, split."""
    home = camp_home(tmp_path_factory.mktemp("adapted"))
    settings = settings_of(home)
    with writing(settings.data_folder, "a test") as warehouse:
        split_interactions(warehouse, settings.data, 0)
    return home


@pytest.fixture
def home(world: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    log = tmp_path_factory.mktemp("killer") / "log"
    with killer("tests.matching.adaptation.killing", (), log) as one:
        yield one


def kept(settings: Settings) -> dict[str, Any]:
    with writing(settings.data_folder, "a test") as warehouse:
        row = warehouse.query("adaptation").row(0, named=True)
    return {key: value for key, value in row.items() if key != "adapted_at"}


def searches(settings: Settings) -> list[Path]:
    return list((settings.mlflow_folder / "searches").glob("*"))


def test_what_learned_nothing_is_left_out_and_all_is_said(home: Path) -> None:
    settings = settings_of(home)
    run = adapt(settings)
    row = kept(settings)
    assert (row["reason"], row["judged_users"], row["users"]) == ("first run", USERS, USERS)
    assert row["matchers"] == COMPETING
    assert json.loads(row["left_out"]) == ["two_tower"]
    assert run.settings.matching.matchers == KEPT
    assert run.given.matching.matchers == settings.matching.matchers
    assert not searches(settings)
    with writing(settings.data_folder, "a test") as warehouse:
        report = adaptation_report(warehouse)
    assert report is not None
    lines = adaptation_lines(report)
    assert [line.partition(":")[0] for line in lines] == [one["matcher"] for one in report["matchers"]]
    assert any("left out of the fusion" in line for line in lines)
    client = MlflowClient(settings.mlflow_uri)
    experiment = client.get_experiment_by_name("polyrec-matching")
    assert experiment is not None
    names = [one.info.run_name for one in client.search_runs([experiment.experiment_id])]
    assert names.count("adaptation") == 1
    assert len(names) == 1 + run.counts["adapted_fits"]


def test_the_kept_choice_stands_until_asked_again(home: Path) -> None:
    settings = settings_of(home)
    adapt(settings)
    first = kept(settings)
    again = adapt(settings)
    assert "adapted_fits" not in again.counts
    assert again.settings.matching.matchers == KEPT
    asked = adapt(settings_of(home, adapt_anew=True))
    assert asked.counts["adapted_fits"]
    assert kept(settings) == {**first, "reason": "asked for"}
    assert adapt(settings_of(home, adapt="off")).settings.matching.matchers == settings.matching.matchers


def test_too_few_who_can_be_judged_change_nothing(home: Path) -> None:
    settings = settings_of(home)
    with writing(settings.data_folder, "a test") as warehouse:
        some = warehouse.frame("select * from core.splits where user_id < 'u15'")
        warehouse.replace("core.splits", some)
    run = adapt(settings)
    assert run.settings == settings
    row = kept(settings)
    assert (row["judged_users"], row["found"], row["settings"]) == (15, "[]", "{}")


def test_the_order_of_rows_says_nothing(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("shuffled")
    shutil.copytree(home, other, dirs_exist_ok=True)
    with writing(settings_of(other).data_folder, "a test") as warehouse:
        for table in ("core.interactions", "core.splits"):
            rows: pl.DataFrame = warehouse.frame(f"select * from {table}")
            warehouse.replace(table, rows.sample(fraction=1.0, shuffle=True, seed=1))
    adapt(settings_of(home))
    adapt(settings_of(other))
    assert kept(settings_of(home)) == kept(settings_of(other))


@pytest.mark.parametrize(
    ("kill_at", "passing"),
    [
        ("trial, before", 1),
        ("trial, after", 1),
        ("trial, before", 4),
        ("trial, after", 7),
        ("choice, before", 1),
        ("choice, after", 1),
        ("tracking, after", 1),
        ("end, before", 1),
    ],
)
def test_a_killed_search_ends_as_one_that_was_not(
    home: Path, process: Killer, kill_at: str, passing: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings, whole = settings_of(home), tmp_path_factory.mktemp("whole")
    shutil.copytree(home, whole, dirs_exist_ok=True)
    adapt(settings_of(whole))
    killed, _, _ = process.run(Request(str(home), kill_at, passing))
    assert killed
    assert not process.run(Request(str(home)))[0]
    assert kept(settings) == kept(settings_of(whole))
    assert not searches(settings)
