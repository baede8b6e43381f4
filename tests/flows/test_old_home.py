"""A home that version 0.1 left: read as before, and run again without a new text or vector."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tasks.settings.renamed import MATCHERS
from tests.flows.commands import Answer, refused
from tests.flows.nights import STAGES, TEXTS
from tests.homes import LIST_LENGTH, Home, run_flow
from tests.old_home import make_old
from warehouse.connection import DATABASE
from warehouse.snapshot import current_snapshot

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Polyrec = Callable[..., Answer]


@pytest.fixture
def old(finished: Home, tmp_path: Path) -> Home:
    home = finished.copy(tmp_path / "old")
    make_old(home.data)
    return home


def asked(polyrec: Polyrec, home: Home, *arguments: object) -> Any:
    answer = polyrec(*arguments, "--json", "--config", home.config)
    assert answer.code == 0, answer.err
    values = json.loads(answer.out)
    if isinstance(values, dict):
        values.pop("milliseconds", None)
    return values


def test_it_was_old(old: Home) -> None:
    snapshot = current_snapshot(old.data)
    assert snapshot is not None
    for file in (snapshot, old.data / DATABASE):
        with duckdb.connect(file, read_only=True) as connection:
            (halves,) = connection.execute("select halves from serving.fusion_models").fetchall()[0]
            assert "last_of_half_0" in halves and "rarity" in halves and "contest" in halves
            assert "inverse_popularity" not in halves
            (given,) = connection.execute("select contributions from serving.recommendations").fetchall()[0]
            assert "rarity" in given and "inverse_popularity" not in given


def test_it_answers_as_before(polyrec: Polyrec, finished: Home, old: Home, user: str, tmp_path: Path) -> None:
    item = asked(polyrec, finished, "recommend", user)["items"][0]["item_id"]
    for question in (
        # The one asked first brings the home up to date.
        ("recommend", "--history", "1,2"),
        ("recommend", user),
        ("recommend", user, "--diversity", "diverse"),
        ("recommend", user, "--diversity", "0.5"),
        ("explain", user, item),
        ("report",),
        ("texts", "show", item),
    ):
        assert asked(polyrec, old, *question) == asked(polyrec, finished, *question), question
    before, after = (
        {**row, "age_hours": None}
        for home in (finished, old)
        for row in asked(polyrec, home, "publications")["publications"]
    )
    assert before == after
    frames = []
    for home in (finished, old):
        file = tmp_path / "lists.parquet"
        assert polyrec("export", file, "--config", home.config).code == 0
        frames.append(pl.read_parquet(file))
    assert frames[0].equals(frames[1]) and frames[0].height > LIST_LENGTH


@pytest.mark.parametrize(
    "first", ["recommend --history 1,2", "publications", "report", "tune slit --trials 1"]
)
def test_any_first_command_is_answered(polyrec: Polyrec, old: Home, first: str) -> None:
    assert polyrec(*first.split(), "--config", old.config).code == 0


def test_a_run_computes_again_only_what_has_a_renamed_parameter_in_its_hash(
    old: Home, finished: Home
) -> None:
    texts = finished.query("live_texts")
    run_flow(old, "nightly")
    assert old.query("live_texts").equals(texts)
    counts = {stage: old.counts(stage) for stage in STAGES}
    assert (counts["corpus"]["generated"], counts["corpus"]["reused"]) == (0, TEXTS)
    assert counts["embedding"]["encoded"] == 0
    for fit in ("train", "train_validation", "all"):
        assert counts["matching"][f"score_rows_{fit}"] > 0
    decided = old.query("decision", decision_id=old.query("last_made")["decision_id"][0]).row(0, named=True)
    assert decided["outcome"] == "kept" and decided["champion"] == decided["challenger"]
    run_flow(old, "matching")
    assert "score_rows_all" not in old.counts("matching")


@pytest.mark.parametrize(("before", "now"), MATCHERS.items())
def test_a_matcher_of_before_is_refused(polyrec: Polyrec, finished: Home, before: str, now: str) -> None:
    for command in (("tune", before), ("ablate", "matchers", "--with", before)):
        refused(polyrec(*command, "--config", finished.config), before, f"'{now}'")


def test_a_command_of_before_is_refused(polyrec: Polyrec, finished: Home) -> None:
    refused(polyrec("ablate", "texts", "--final", "--config", finished.config), "--final", "--test")
