"""`polyrec ablate matchers` in the small world of tests/camps.py."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mlflow.tracking import MlflowClient
from typer.testing import CliRunner

from flows.cli import app as cli
from tasks.settings import load_settings
from tests.camps import USERS, camp_home, run_at, vector
from warehouse.connection import writing
from warehouse.errors import PolyrecError, SettingsError, WarehouseError

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world with vectors of its live texts, in a home: one for all tests."""
    folder = camp_home(tmp_path_factory.mktemp("trials"))
    with writing(folder / "warehouse" / "data", "a test") as warehouse:
        live = warehouse.query("live_texts").select(owner_id="text_id", text="text")
        vectors = pl.Series([vector(text) for text in live["text"]], dtype=pl.Array(pl.Float32, 384))
        warehouse.append(
            "features.vectors_minilm",
            live.select(
                "owner_id", owner_kind=pl.lit("text"), content_hash=pl.col("owner_id"), vector=vectors
            ),
        )
    return folder


@pytest.fixture
def ask(home: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run `polyrec ablate matchers`; returns what it prints as JSON."""
    monkeypatch.setenv("COLUMNS", "200")
    return partial(run_at, home, "temporal_user", "ablate", "matchers")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_tells_is_missed_and_what_tells_nothing_is_not(ask: Ask, home: Path) -> None:
    answer = ask("--with", "ease", "--json")
    assert answer["users"] == {"val": USERS}
    assert answer["baseline"] == "all 2"
    found = {row["name"]: row for row in answer["variants"]}
    assert list(found) == ["all 2", "without cosine_max", "without popularity", "with ease"]
    differences = {name: row["val"]["differences"]["ndcg_at_2"] for name, row in found.items()}
    assert set(differences["all 2"].values()) == {0}
    # Only texts say of which camp an item is; everybody has seen as much of every item.
    assert differences["without cosine_max"]["high"] < -0.1
    assert differences["without popularity"]["low"] <= 0 <= differences["without popularity"]["high"]
    for name, row in found.items():
        kind, _, matcher = name.partition(" ")
        assert row["kind"] == ("control" if kind == "all" else kind)
        (weights, *_) = row["weights"].values()
        expected = {"cosine_max", "popularity"}
        if kind != "all":
            assert row["matcher"] == matcher
            assert row["fit_seconds"] > 0
            assert row["score_seconds"] > 0
            expected ^= {matcher}
        assert set(weights) == expected, name
    assert "without cosine_max" in Path(answer["plots"]["val"]).read_text(encoding="utf-8")

    client = MlflowClient(load_settings(home / "polyrec.toml").mlflow_uri)
    parent = answer["mlflow_run_id"]
    experiment = client.get_run(parent).info.experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert {run.data.params["variant"] for run in children} == set(found)
    (run,) = [run for run in children if run.data.params["variant"] == "with ease"]
    assert run.data.metrics["val_ndcg_at_2"] == pytest.approx(found["with ease"]["val"]["ndcg_at_2"])
    assert run.data.metrics["fit_seconds"] == found["with ease"]["fit_seconds"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_proposes_nothing_cannot_be_left_alone(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_MATCHING__MATCHERS", '["popularity", "inverse_popularity"]')
    found = {row["name"]: row for row in ask("--json")["variants"]}
    assert found["without popularity"]["missing"] == "no other matcher proposes candidates"
    assert found["without inverse_popularity"]["val"]
    printed = ask()["printed"]
    assert all(name in printed for name in found)


def test_names_that_cannot_be_tried(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="no matcher is called 'eeze'; choose among .*ease"):
        ask("--with", "eeze")
    with pytest.raises(SettingsError, match="--with popularity: .*left out in turn"):
        ask("--with", "ease", "--with", "popularity")
    with pytest.raises(
        PolyrecError, match="no relevance label to learn from; make some: polyrec relevance"
    ) as refused:
        ask("--with", "relevance_student")
    assert isinstance(refused.value, PolyrecError)
    monkeypatch.setenv("POLYREC_MATCHING__MATCHERS", '["popularity"]')
    with pytest.raises(SettingsError, match="name two or more"):
        ask()


def test_before_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_HOME", str(tmp_path))
    refused = CliRunner().invoke(cli.app, ["ablate", "matchers"])
    assert isinstance(refused.exception, WarehouseError)
    assert not (tmp_path / "warehouse").exists()
