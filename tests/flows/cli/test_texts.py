"""`polyrec texts`: what it prints, in both forms, and what it refuses."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from flows.cli import app as cli
from tasks.corpus.metrics import metrics_of
from tests.warehouse.conftest import publish, text_row
from warehouse.connection import writing
from warehouse.errors import PolyrecError, WarehouseError
from warehouse.snapshot import write_snapshot

Ask = Callable[..., Any]


@pytest.fixture
def ask(filled_home: Path) -> Ask:
    """Run the command on a home with two texts, one of them quarantined."""
    with writing(filled_home, "a test") as warehouse:
        live = text_row("1", 0, "A tale for Woody and for all.") | {"status": "ok", "rules": "now"}
        held = live | {
            "text_id": "held",
            "text": "See www.b.org.",
            "status": "quarantined",
            "reason": "link: x",
        }
        warehouse.upsert("features.texts", pl.DataFrame([live, held]))
        rows = metrics_of(warehouse.query("live_texts_for_metrics"), {})
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
    assert [row["pass"] for row in found["texts"]] == [0]
    shown = ask("1").stdout
    assert "A tale for Woody" in shown and "pass" in shown


def test_report(ask: Ask) -> None:
    found = answer(ask("report", "--json"))
    assert (found["texts"], found["items"], found["faithfulness"], found["words"]) == (1, 1, 0, 7)
    assert (found["fallback_share"], found["fallback_reasons"], found["text_distance"]) == (0, {}, None)
    assert (found["rewrites"], found["rewrites_kept"], found["rewrite_reasons"]) == (0, 0, {})
    assert "faithfulness" in ask("report").stdout


def test_report_counts_the_second_pass(ask: Ask, tmp_path: Path) -> None:
    reasons = ["spread: 0.1 to 0.2", "spread: 0.2 to 0.1", "item rank: 2, not at most 1", "spread: 1 to 0"]
    pairs = {"item_id": ["1", "1", "2", "2"], "slot": [0, 1, 0, 1], "text_id": list("abcd")}
    rows = pl.DataFrame(pairs).with_columns(
        first_text_id=pl.lit("f"), kept=pl.Series([True, False, False, False]), reason=pl.Series(reasons)
    )
    with writing(tmp_path / "warehouse" / "data", "a test") as warehouse:
        warehouse.replace("features.rewrites", rows)
        write_snapshot(warehouse, "p1")
    found = answer(ask("report", "--json"))
    assert (found["rewrites"], found["rewrites_kept"]) == (4, 1)
    assert found["rewrite_reasons"] == {"spread": 2, "item rank": 1}


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
    assert isinstance(refused.exception, PolyrecError)


def test_review_before_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_HOME", str(tmp_path))
    refused = CliRunner().invoke(cli.app, ["texts", "review", "list"])
    assert isinstance(refused.exception, WarehouseError)
    assert "no texts are written yet" in str(refused.exception)
    assert not (tmp_path / "warehouse").exists()
