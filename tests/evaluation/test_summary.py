"""The report as a dictionary: read from the tables alone."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from tasks.evaluation.report import report_markdown
from tasks.evaluation.summary import build_report
from tasks.ingest.loading import load
from tasks.ingest.sources import stage_frame
from tasks.run.stage import StageRun, stage_run
from tasks.settings import Settings
from tasks.settings.data import Data, Interactions
from tests.empty import with_warehouse
from tests.warehouse.conftest import fill, publish
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError
from warehouse.staging import clear


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse with a publication, as far as a report reads it."""
    settings = Settings(home=tmp_path)
    with writing(with_warehouse(settings.data_folder), "a test") as opened:
        fill(opened)
        publish(opened, "p", 0.5)
        run_stage(settings, "ingest", {})
        texts = dict.fromkeys(("items", "slots", "generated", "reused", "tokens"), 1)
        run_stage(settings, "corpus", {**texts, "tokens_per_second": 1, "whole_sentences": 1})
        for stage in ("embedding", "matching", "fusion"):
            run_stage(settings, stage, {})
        evaluated(opened)
        yield opened


def evaluated(warehouse: Warehouse) -> None:
    """Leave what an evaluation leaves at least."""
    judged = pl.DataFrame({"part": ["validation", "test"], "users": [0, 0], "nothing_left": [2, 0]})
    warehouse.replace("evaluation.judged", judged)
    warehouse.execute("record_test_look", split_hash="s", fusion_id="f", mlflow_run_id="m")


def run_stage(settings: Settings, stage: str, counts: dict[str, float]) -> None:
    with stage_run(settings, stage) as run:
        run.counts |= counts


def load_events(run: StageRun, header: Sequence[str], *rows: tuple[str, ...]) -> None:
    """Ingest a log with these columns."""
    tables = {
        "items": pl.DataFrame({"item_id": ["1"], "title": ["Heat"], "line": [2]}),
        "interactions": pl.DataFrame(rows, schema=list(header), orient="row").with_row_index("line", 2),
    }
    time = "time" if "time" in header else None
    data = Data(source="files", interactions=Interactions(time=time))
    settings = run.settings.model_copy(update={"data": Data(force=True)})
    try:
        staged = {kind: stage_frame(run.warehouse, kind, frame, kind) for kind, frame in tables.items()}
        run.counts |= load(run.warehouse, settings, data, staged).counts
    finally:
        clear(run.warehouse)


def test_before_evaluation_a_report_says_what_is_missing(warehouse: Warehouse) -> None:
    warehouse.delete("evaluation.judged", {})
    with pytest.raises(PolyrecError, match="evaluation is missing.*polyrec run --stage evaluation"):
        build_report(warehouse)


def test_where_nobody_can_be_judged_there_are_no_figures(warehouse: Warehouse) -> None:
    report = build_report(warehouse)
    json.dumps(report, allow_nan=False)
    for part in (report["fusion"]["test"], report["fusion"]["val"], report["models"]["ease"]["test"]):
        assert {part[name] for name in ("ndcg_at_10", "ild_at_10", "coverage_at_10", "ndcg_ci")} == {None}
    text = report_markdown(report)
    assert "Nobody could be judged on validation or on test." in text
    assert "2 users" in text and "0.000" not in text


def test_a_report_says_when_its_figures_are_of_older_lists(warehouse: Warehouse) -> None:
    """As after a run that was killed between publishing and evaluating."""

    def said() -> bool:
        return "of older lists than those that are served" in report_markdown(build_report(warehouse))

    assert not said()
    publish(warehouse, "q", 0.5)
    warehouse.run("update serving.publications set created_at = now() where publication_id = 'q'", {})
    assert said()
    evaluated(warehouse)
    assert not said()


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        (("user_id", "item_id", "time"), ("a", "1", "1700000000"), False),
        (("user_id", "item_id"), ("a", "1"), True),
    ],
)
def test_a_report_says_when_order_is_taken_for_time(
    warehouse: Warehouse, tmp_path: Path, header: Sequence[str], row: tuple[str, ...], expected: bool
) -> None:
    with stage_run(Settings(home=tmp_path), "ingest") as run:
        load_events(run, header, row)
    report = build_report(warehouse)
    assert report["order_is_time"] is expected
    said = [note for note in report["notes"] if note.startswith("No times were delivered")]
    assert len(said) == expected
    assert ("No times were delivered" in report_markdown(report)) is expected
