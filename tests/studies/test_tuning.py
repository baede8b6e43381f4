"""`polyrec tune` in the small world of tests/camps.py: found, kept, gone on with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mlflow.tracking import MlflowClient
from typer.testing import CliRunner

from flows.cli import app as cli
from tasks.ingest.splits import split_interactions
from tasks.settings import Settings, load_settings
from tasks.settings.data import Data
from tasks.settings.matching import Matching
from tasks.studies import tuning
from tests.camps import CONFIG, USERS, fill
from tests.empty import with_tracking
from warehouse.connection import writing
from warehouse.errors import PolyrecError, SettingsError, WarehouseError

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuning")
    text = CONFIG.replace("PROTOCOL", "temporal_user")
    (folder / "polyrec.toml").write_text(text, encoding="utf-8")
    with writing(folder / "warehouse" / "data", "a test") as warehouse:
        fill(warehouse)
        split_interactions(warehouse, Data(), 0)
    with_tracking(load_settings(folder / "polyrec.toml"))
    return folder


@pytest.fixture
def ask(home: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setenv("COLUMNS", "140")

    def call(*arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(cli.app, ["tune", *arguments, "--config", str(home / "polyrec.toml")])
        if result.exception:
            raise result.exception
        return json.loads(result.stdout) if "--json" in arguments else {"printed": result.stdout}

    return call


def test_search_is_kept_and_gone_on_with_and_knows_nothing_of_test(ask: Ask, home: Path) -> None:
    first = ask("slit", "--trials", "4", "--json")
    (search,) = first["searches"]
    assert (first["users"], first["k"]) == (USERS, 2)
    assert (search["matcher"], search["trials"], search["trials_before"]) == ("slit", 4, 0)
    assert search["as_set"]["parameters"] == {
        "regularisation": 100.0,
        "half_life_items": 8.0,
        "history_half_life_items": 16.0,
    }
    top = [row["figures"]["ndcg_at_2"] for row in search["top"]]
    assert top == sorted(top, reverse=True)
    assert search["best"] == search["top"][0]
    fold = search["out_of_fold"]
    assert fold["value"] <= search["best"]["figures"]["ndcg_at_2"] + 1e-12
    gain = fold["value"] - search["as_set"]["figures"]["ndcg_at_2"]
    assert search["gain"]["difference"] == pytest.approx(gain)
    assert search["toml"].splitlines()[0] == "[matching.slit]"
    (home / "changed.toml").write_text(search["toml"], encoding="utf-8")
    assert load_settings(home / "changed.toml").matching.slit.model_dump() == search["best"]["parameters"]

    client = MlflowClient(load_settings(home / "polyrec.toml").mlflow_uri)
    parent = search["mlflow_run_id"]
    experiment = client.get_run(parent).info.experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert len(children) == 4
    for run in children:
        assert {"val_ndcg_at_2", "val_effective_catalogue_at_2", "val_ild_at_2", "fit_seconds"} <= set(
            run.data.metrics
        )
        assert {"matcher", "regularisation", "half_life_items"} <= set(run.data.params)
    assert "search.html" in {one.path for one in client.list_artifacts(parent)}

    # Test rows go; nothing in the search changes but that it goes on.
    with writing(home / "warehouse" / "data", "a test") as warehouse:
        parts = warehouse.query("fit_interactions", protocol="temporal_user", parts=["train", "validation"])
        rows = parts.select(
            "user_id",
            "item_id",
            "event_time",
            "part",
            protocol=pl.lit("temporal_user"),
            split_hash=pl.lit("x"),
        )
        warehouse.replace("core.splits", rows)
    (again,) = ask("slit", "--trials", "2", "--json")["searches"]
    assert (again["trials_before"], again["trials"]) == (4, 6)
    assert again["as_set"]["figures"] == search["as_set"]["figures"]


def test_only_what_has_settings_is_searched_by_itself() -> None:
    settings = Settings(matching=Matching(matchers=("popularity", "inverse_popularity")))
    assert tuning._names(settings, ()) == ["popularity"]


def test_what_is_printed(ask: Ask) -> None:
    printed = ask("--minutes", "0")["printed"]
    assert "popularity: the best of 1 trials on validation" in printed
    assert "as set" in printed
    assert "no gain is shown" in printed
    assert "[matching.popularity]\nhalf_life_days = 365.0" in printed


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("eaze", "no matcher is called 'eaze'"),
        ("inverse_popularity", "nothing to search for inverse_popularity: it has no"),
    ],
)
def test_names_that_cannot_be_searched(ask: Ask, name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ask(name)


def test_before_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_HOME", str(tmp_path))
    refused = CliRunner().invoke(cli.app, ["tune"])
    assert isinstance(refused.exception, WarehouseError)
    with writing(tmp_path / "warehouse" / "data", "a test"):
        pass
    refused = CliRunner().invoke(cli.app, ["tune"])
    assert isinstance(refused.exception, PolyrecError)
