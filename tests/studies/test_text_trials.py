"""`polyrec ablate texts` and `polyrec texts compare` in the small world of tests/camps.py."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from typer.testing import CliRunner

from flows.cli import app as cli
from tasks.settings import load_settings
from tasks.studies import text_trials
from tests.camps import USERS, Encoder, camp_home, run_at
from warehouse.connection import writing
from warehouse.errors import PolyrecError, SettingsError, WarehouseError

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world, in a home: one for all tests."""
    return camp_home(tmp_path_factory.mktemp("trials"))


@pytest.fixture
def ask(home: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a command under a protocol; returns what it prints as JSON."""
    monkeypatch.setattr(text_trials, "load_encoder", Encoder)
    monkeypatch.setenv("COLUMNS", "200")
    return partial(run_at, home)


def rows(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in answer["variants"]}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_texts_that_tell_beat_every_control(ask: Ask, home: Path) -> None:
    answer = ask("temporal_user", "ablate", "texts", "--json")
    assert answer["users"] == {"val": USERS}
    found = rows(answer)
    assert list(found) == [
        "no matcher of texts",
        "title + categories",
        "template texts",
        "texts shuffled among items",
        "1 slot: story",
        "2 slots: story, mood",
        "1 slot: mood",
        "pass 1, 2 slots",
        "pass 2, 2 slots",
    ]
    # Two items of the camp are left to each user, of whom the one is relevant: rank 1 or 2.
    telling = found["1 slot: story"]["val"]
    assert telling["ndcg_at_2"] >= 1 / np.log2(3)
    assert telling["differences"]["ndcg_at_2"]["low"] > 0.2
    baseline = found["title + categories"]["val"]
    assert telling["differences"]["ndcg_at_2"]["difference"] == pytest.approx(
        telling["ndcg_at_2"] - baseline["ndcg_at_2"]
    )
    assert set(baseline["differences"]["ndcg_at_2"].values()) == {0}
    for control in ("template texts", "texts shuffled among items", "1 slot: mood"):
        assert found[control]["val"]["ndcg_at_2"] < telling["ndcg_at_2"] - 0.2, control
    assert found["pass 1, 2 slots"]["val"] == found["2 slots: story, mood"]["val"]
    assert found["pass 2, 2 slots"]["missing"] == "no text of pass 2 is live"
    assert found["1 slot: story"]["text_distance"] is None
    assert 0.5 < found["2 slots: story, mood"]["text_distance"] < 1.2
    assert "test" not in telling
    assert "title + categories" in Path(answer["plots"]["val"]).read_text(encoding="utf-8")

    client = MlflowClient(load_settings(home / "polyrec.toml").mlflow_uri)
    parent = answer["mlflow_run_id"]
    experiment = client.get_run(parent).info.experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert {run.data.params["variant"] for run in children} == set(found) - {"pass 2, 2 slots"}
    (run,) = [run for run in children if run.data.params["variant"] == "1 slot: story"]
    assert run.data.metrics["val_ndcg_at_2"] == pytest.approx(telling["ndcg_at_2"])
    assert {"val_effective_catalogue_at_2", "val_ild_at_2", "val_ndcg_at_2_low"} <= set(run.data.metrics)
    assert "variants_val.html" in {one.path for one in client.list_artifacts(parent)}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_cold_items_are_judged_on_test_alone(ask: Ask, home: Path) -> None:
    def looks() -> list[str]:
        with writing(home / "warehouse" / "data", "a test") as warehouse:
            return warehouse.query("test_looks")["fusion_id"].to_list()

    before = len(looks())
    printed = ask("cold_item", "ablate", "texts")["printed"]
    assert "they are on test alone; ask with --test" in printed
    assert "1 slot: story" in printed
    assert len(looks()) == before
    answer = ask("cold_item", "ablate", "texts", "--test", "--json")
    assert looks()[before:] == [text_trials.LOOKER]
    found = rows(answer)
    telling, baseline = found["1 slot: story"]["test"], found["title + categories"]["test"]
    # Popularity knows nothing of cold items: without texts they come in the order of their codes.
    assert telling["ndcg_at_2"] > max(
        baseline["ndcg_at_2"], found["no matcher of texts"]["test"]["ndcg_at_2"]
    )
    # Four items are cold, and every list is made of these.
    assert telling["effective_catalogue_at_2"] <= 1
    assert set(answer["plots"]) == {"val", "test"}
    assert set(found["1 slot: story"]["weights"]) == {"fold_a", "fold_b", "all"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_versions_are_compared(ask: Ask) -> None:
    answer = ask("temporal_user", "texts", "compare", "beta", "alpha", "--json")
    found = rows(answer)
    assert list(found) == ["title + categories", "beta", "alpha"]
    pair = answer["pair"]["val"]
    gain = found["alpha"]["val"]["ndcg_at_2"] - found["beta"]["val"]["ndcg_at_2"]
    assert pair["ndcg_at_2"]["difference"] == pytest.approx(gain)
    assert 0 < pair["ndcg_at_2"]["low"] < gain < pair["ndcg_at_2"]["high"]
    spread = found["alpha"]["text_distance"] - found["beta"]["text_distance"]
    assert pair["text_distance"]["difference"] == pytest.approx(spread)
    assert "alpha: 40 texts of 20 items" in answer["notes"]
    printed = ask("temporal_user", "texts", "compare", "beta", "alpha")["printed"]
    assert "alpha minus beta" in printed


@pytest.mark.parametrize("names", [("alpha", "gamma"), ("gamma", "alpha"), ("alpha", "alpha")])
def test_names_that_cannot_be_compared(ask: Ask, names: tuple[str, str]) -> None:
    with pytest.raises(PolyrecError, match="gamma.*alpha.*beta|both 'alpha'") as refused:
        ask("temporal_user", "texts", "compare", *names)
    assert isinstance(refused.value, PolyrecError)


def test_no_matcher_that_reads_texts(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_MATCHING__MATCHERS", '["popularity"]')
    with pytest.raises(SettingsError, match="none of which reads texts"):
        ask("temporal_user", "ablate", "texts")


def test_before_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_HOME", str(tmp_path))
    refused = CliRunner().invoke(cli.app, ["ablate", "texts"])
    assert isinstance(refused.exception, WarehouseError)
    assert not (tmp_path / "warehouse").exists()
