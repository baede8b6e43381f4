"""The benchmark of cold items in the small world of tests/camps.py, where texts alone tell what matters."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks import cold_items, cold_items_inputs
from benchmarks.cold_items_trial import LOOKER, pooler
from tasks.settings import load_settings
from tests.camps import CAMPS, CONFIG, ITEMS, USERS, Encoder, fill
from warehouse.connection import writing


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose items have a description, which tells; the last one has lost its texts."""
    monkeypatch.setattr(cold_items_inputs, "load_encoder", Encoder)
    monkeypatch.setenv("COLUMNS", "200")
    config = tmp_path / "polyrec.toml"
    config.write_text(CONFIG.replace("PROTOCOL", "temporal_user"), encoding="utf-8")
    with writing(tmp_path / "warehouse" / "data", "a test") as warehouse:
        fill(warehouse)
        texts = warehouse.query("live_text_vectors")
        assert texts.is_empty()  # they are encoded here
        items = warehouse.query("items").with_columns(
            description=pl.Series([f"Of {CAMPS[item % 2]} folk." for item in range(ITEMS)])
        )
        warehouse.replace("core.items", items)
        warehouse.delete("features.vectors_minilm", {"owner_kind": "item"})
        warehouse.delete("features.live_texts", {"item_id": f"{ITEMS - 1:02d}"})
        warehouse.execute(
            "record_run",
            run_id="run",
            stage="ingest",
            flow_run_id=None,
            fingerprint="",
            started_at=datetime.now(UTC),
            seconds=1.0,
            counts={"items": float(ITEMS)},
            settings=json.dumps({"data": {"source": "camps"}}),
        )
    return tmp_path


def measured(home: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[dict[str, Any], str]:
    file = home / "figures.json"
    arguments = ["--config", str(home / "polyrec.toml"), "--home", str(home), "--json", str(file), *more]
    assert cold_items.main([*arguments, "--draws", "2", "--matchers", "cosine_max", "popularity"]) == 0
    return json.loads(file.read_text(encoding="utf-8")), capsys.readouterr().out


def test_what_lists_may_not_hold_is_not_counted(home: Path) -> None:
    settings = load_settings(home / "polyrec.toml")
    with writing(settings.data_folder, "a test") as warehouse:
        items = warehouse.query("items").with_columns(active=pl.Series([item != 3 for item in range(ITEMS)]))
        warehouse.replace("core.items", items)
        inputs = cold_items_inputs.read_inputs(warehouse, settings, controls=False)
    assert (inputs.n_recommendable, inputs.with_texts) == (ITEMS - 1, ITEMS - 2)
    assert inputs.popularity[3] == -1
    assert set(np.delete(inputs.popularity, 3)) <= {0, 1, 2}


def test_texts_that_tell_beat_the_control(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = home / "plot.html"
    values, printed = measured(home, capsys, "--plot", str(plot), "--dataset", "camps")
    assert values["items_with_texts"] == ITEMS - 1
    assert values["left_out"] == {"popularity": "it scores all cold items alike"}
    rows = {(row["matcher"], row["reads"]): row for row in values["results"]}
    telling = rows["cosine_max", "texts"]
    assert {reads for _, reads in rows} >= set(cold_items_inputs.TITLES.values())
    assert telling["minus_own_control"]["low"] > 0
    control = next(row for row in values["results"] if row["minus_control"]["difference"] == 0)
    assert control["reads"] == "title + categories"
    assert telling["ndcg"]["value"] == pytest.approx(np.mean(telling["ndcg"]["draws"]))
    assert [draw["draw"] for draw in values["draws"]] == [0, 1]
    assert all(draw["cold_items"] == ITEMS // 5 for draw in values["draws"])
    assert 0 < values["draws"][0]["users"] <= USERS
    assert "19 of 20 items have texts; the others stand with title + categories" in printed
    assert "left out: popularity" in printed
    assert "cosine_max on texts minus cosine_max on template texts" in printed
    assert "Plotly.newPlot" in plot.read_text(encoding="utf-8")
    settings = load_settings(home / "polyrec.toml")
    with writing(settings.data_folder, "a test") as warehouse:
        assert warehouse.query("test_looks")["fusion_id"].to_list() == [LOOKER, LOOKER]
        assert warehouse.query("split_parts").is_empty()  # the home's own split is not touched
    assert list((settings.data_folder / "benchmarks").glob("cold-template-*.npy"))


def test_a_home_without_data_or_with_another_set_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["--config", str(home / "polyrec.toml")]
    assert cold_items.main([*config, "--home", str(tmp_path / "nowhere")]) == 1
    assert "there is no data yet" in capsys.readouterr().err
    assert cold_items.main([*config, "--dataset", "ml-latest-small"]) == 1
    assert "holds camps, not ml-latest-small" in capsys.readouterr().err
    assert cold_items.main([*config, "--matchers", "eaze"]) == 1
    assert "no matcher is called 'eaze'" in capsys.readouterr().err


def test_a_person_in_several_draws_is_one_person() -> None:
    pool = pooler(resamples=2000, seed=0)
    once = np.random.default_rng(0).normal(size=(200, 1))
    single, five = pool(once), pool(np.repeat(once, 5, axis=1))
    assert five["value"] == pytest.approx(single["value"])
    assert [five["low"], five["high"]] == pytest.approx([single["low"], single["high"]])
    independent = pool(np.random.default_rng(1).normal(size=(200, 5)))
    assert independent["high"] - independent["low"] < 0.6 * (single["high"] - single["low"])


def test_draws_count_alike_however_many_users_they_judge() -> None:
    values = np.full((10, 3), np.nan)
    values[:9, 0], values[9, 1] = 0.0, 1.0
    found = pooler(resamples=200, seed=0)(values)
    assert found["value"] == 0.5
    assert found["draws"] == [0.0, 1.0, None]
