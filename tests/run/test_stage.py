from pathlib import Path

import pytest

from tasks.run import stage
from tasks.run.stage import stage_run
from tasks.settings import Settings


def test_a_run_that_succeeds_leaves_its_row(tmp_path: Path) -> None:
    with stage_run(Settings(home=tmp_path), "ingest", "flow-1") as run:
        run.counts["items"] = 3
        run.fingerprint = "f"
    with stage_run(Settings(home=tmp_path), "corpus") as later:
        (row,) = later.warehouse.query("last_runs").to_dicts()
    assert (row["stage"], row["flow_run_id"], row["fingerprint"]) == ("ingest", "flow-1", "f")
    assert row["counts"]["items"] == 3
    assert row["counts"]["peak_rss_mb"] > 10
    assert row["seconds"] > 0


def test_memory_is_given_back_when_a_stage_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(stage, "give_back", lambda: done.append("given back"))
    with stage_run(Settings(home=tmp_path), "ingest"):
        done.append("work")
    assert done == ["work", "given back"]


def test_a_run_that_fails_leaves_none(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), stage_run(Settings(home=tmp_path), "ingest"):
        raise ZeroDivisionError
    with stage_run(Settings(home=tmp_path), "ingest") as later:
        assert later.warehouse.query("last_runs").is_empty()
