"""`polyrec texts`: what it prints, in both forms, and what it refuses."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from flows import cli
from tasks.corpus.measuring import measured
from tasks.corpus.reviewing import ReviewError
from tests.empty import with_warehouse
from tests.warehouse.conftest import fill, publish, text_row
from warehouse.connection import writing
from warehouse.errors import WarehouseError
from warehouse.snapshot import write_snapshot

Ask = Callable[..., Any]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run the command on a home with two texts, one of them quarantined."""
    monkeypatch.setenv("POLYREC_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    with writing(with_warehouse(tmp_path / "warehouse" / "data"), "a test") as warehouse:
        fill(warehouse)
        live = text_row("1", 0, "A tale for Woody and for all.") | {"status": "ok", "rules": "now"}
        held = live | {
            "text_id": "held",
            "text": "See www.b.org.",
            "status": "quarantined",
            "reason": "link: x",
        }
        warehouse.upsert("features.texts", pl.DataFrame([live, held]))
        rows = measured(warehouse.query("live_texts_to_measure"), {})
        warehouse.upsert("features.text_quality", rows)
        publish(warehouse, "p1", 0.5)
        write_snapshot(warehouse, "p1")
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli.app, ["texts", *arguments])


def answer(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("form", [["1", "--json"], ["--json", "1"], ["show", "1", "--json"]])
def test_an_item_s_texts(ask: Ask, form: list[str]) -> None:
    found = answer(ask(*form))
    assert (found["title"], [row["text"] for row in found["texts"]]) == (
        "Toy Story (1995)",
        ["A tale for Woody and for all."],
    )
    assert "A tale for Woody" in ask("1").stdout


def test_report(ask: Ask) -> None:
    found = answer(ask("report", "--json"))
    assert (found["texts"], found["items"], found["faithfulness"], found["words"]) == (1, 1, 0, 7)
    assert (found["fallback_share"], found["fallback_reasons"], found["text_distance"]) == (0, {}, None)
    assert "faithfulness" in ask("report").stdout


def test_review(ask: Ask) -> None:
    (held,) = answer(ask("review", "list", "--json"))
    assert (held["text_id"], held["title"], held["reason"], held["decision"]) == (
        "held",
        "Toy Story",
        "link: x",
        None,
    )
    assert "link: x" in ask("review", "list").stdout
    assert answer(ask("review", "release", "held", "--json")) == [{"text_id": "held", "decision": "released"}]
    assert [row["text"] for row in answer(ask("1", "--json"))["texts"]] == ["See www.b.org."]
    # The other text still stands, so no model is loaded.
    assert "1 blocked" in ask("review", "block", "held").stdout
    assert [row["text"] for row in answer(ask("1", "--json"))["texts"]] == ["A tale for Woody and for all."]
    (held,) = answer(ask("review", "list", "--json"))
    assert held["decision"] == "blocked"
    assert datetime.fromisoformat(held["decided_at"]).date() == datetime.now(UTC).date()


@pytest.mark.parametrize("decision", ["release", "block"])
def test_unknown_text_is_refused(ask: Ask, decision: str) -> None:
    refused = ask("review", decision, "nothing")
    assert isinstance(refused.exception, ReviewError)
    assert cli._for_users(refused.exception)


def test_review_before_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_HOME", str(tmp_path))
    refused = CliRunner().invoke(cli.app, ["texts", "review", "list"])
    assert isinstance(refused.exception, WarehouseError)
    assert cli._for_users(refused.exception)
    assert "no texts are written yet" in str(refused.exception)
    assert not (tmp_path / "warehouse").exists()
