"""The language model asked shard by shard: nothing twice, nothing lost by a kill, nothing held back read."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.matching.pairs import steps
from tasks.matching.pairs.steps import top_together
from tasks.matching.relevance_labels import read_relevance
from tasks.run.stage import StageRun
from tasks.settings.matching import Matching
from tests.empty import with_warehouse
from tests.matching.matched import match
from tests.matching.pairs.world import N_ITEMS, fill, hold, run_of, settings_with
from tests.models.toys import ToyEngine
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError
from warehouse.spool import Spool


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with writing(with_warehouse(tmp_path / "warehouse" / "data"), "a test") as opened:
        fill(opened)
        yield opened


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ToyEngine:
    toy = ToyEngine()
    monkeypatch.setattr(steps, "load_engine", lambda _corpus, _folder: toy)
    monkeypatch.setattr(steps, "SHARD_USERS", 2)
    return toy


def labelled(warehouse: Warehouse) -> pl.DataFrame:
    return warehouse.query("relevance", fit="train").drop("seconds")


def test_a_second_run_computes_nothing(
    warehouse: Warehouse, engine: ToyEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(warehouse)
    assert steps.label_relevance.fn(run)
    rows = labelled(warehouse)
    assert (
        rows["user_id"].n_unique() == 6 and "8" not in rows["user_id"]
    )  # who had nothing is not asked about
    assert rows.select("user_id", "item_id").unique().height == 18 == run.counts["relevance_pairs"]
    assert "t-7-1" not in rows["text_id"]
    for row in rows.iter_rows(named=True):
        user = int(row["user_id"])
        assert json.loads(row["context"]) == [str((user + n) % N_ITEMS) for n in (1, 2)]
    said = " ".join(capsys.readouterr().err.split())
    assert f"relevance: 6 of 9 users, 18 pairs, {rows.height} texts" in said
    assert "tokens a second" in said
    engine.calls.clear()
    again = run_of(warehouse)
    assert not steps.label_relevance.fn(again)
    assert not engine.calls and labelled(warehouse).equals(rows)


def test_a_killed_run_goes_on_where_it_stopped(
    warehouse: Warehouse, engine: ToyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Spool.commit
    done: list[Path] = []

    def killed(spool: Spool, path: Path) -> int:
        if done:
            raise KeyboardInterrupt  # its file is whole, but not loaded
        done.append(path)
        return commit(spool, path)

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            steps.label_relevance.fn(run_of(warehouse))
    before = labelled(warehouse)["user_id"].unique()
    assert 0 < len(before) < 6
    engine.calls.clear()
    asked: list[str] = []
    one = steps._labelled
    monkeypatch.setattr(
        steps, "_labelled", lambda rows, teacher: asked.append(rows["user_id"][0]) or one(rows, teacher)
    )
    steps.label_relevance.fn(run_of(warehouse))
    assert not set(asked) & set(before)
    assert len(asked) < 6 - len(before)  # what lay in the spool was loaded, too
    resumed = labelled(warehouse)
    warehouse.replace("features.relevance", resumed.clear())
    steps.label_relevance.fn(run_of(warehouse))
    assert_frame_equal(labelled(warehouse), resumed)


def test_nothing_that_is_held_back_reaches_a_prompt(warehouse: Warehouse, engine: ToyEngine) -> None:
    steps.label_relevance.fn(run_of(warehouse))
    before = labelled(warehouse)
    parts = ["train", "validation", "test", "given", "unused"]
    split = warehouse.query("fit_interactions", protocol="temporal_user", parts=parts).drop("value")
    train, held = split.filter(pl.col("part") == "train"), split.filter(pl.col("part") != "train")
    for changed in (held.clear(), held.with_columns(pl.col("item_id").reverse())):
        hold(warehouse, pl.concat([train, changed]))
        warehouse.replace(
            "features.relevance",
            warehouse.query("relevance", fit="train").clear().with_columns(fit=pl.lit("train")),
        )
        steps.label_relevance.fn(run_of(warehouse))
        assert labelled(warehouse).equals(before)
    hold(warehouse, pl.concat([train.filter(pl.col("event_time") < 2), held]))
    steps.label_relevance.fn(run_of(warehouse))
    assert not labelled(warehouse).equals(before)  # what is train does


def test_only_what_changed_is_asked_again(warehouse: Warehouse, engine: ToyEngine) -> None:
    steps.label_relevance.fn(run_of(warehouse))
    before = labelled(warehouse)
    parts = ["train", "validation", "test"]
    split = warehouse.query("fit_interactions", protocol="temporal_user", parts=parts).drop("value")
    user = before["user_id"][0]
    mine = (pl.col("user_id") == user) & (pl.col("event_time") == 2)
    hold(warehouse, split.filter(~mine))
    engine.calls.clear()
    assert steps.label_relevance.fn(run_of(warehouse))
    after = labelled(warehouse)
    others = pl.col("user_id") != user
    assert after.filter(others).equals(before.filter(others))
    alone = ["text_id", "frame_hash", "log_prob_without"]
    assert after.select(alone).equals(before.select(alone))  # texts without the user are not read again
    assert not after.filter(~others).equals(before.filter(~others))
    assert steps.label_relevance.fn(run_of(warehouse, users=2))  # a smaller sample: the others' rows go
    engine.calls.clear()
    assert labelled(warehouse)["user_id"].n_unique() == 2
    assert not steps.label_relevance.fn(run_of(warehouse, users=2)) and not engine.calls


def test_the_student_reads_relevance_in_nats_or_a_token(warehouse: Warehouse, engine: ToyEngine) -> None:
    steps.label_relevance.fn(run_of(warehouse))
    matching = settings_with(warehouse.folder).matching
    rows = read_relevance(warehouse, matching)
    assert rows is not None
    known = warehouse.query("relevance", fit="train")
    gain = known["log_prob_with"] - known["log_prob_without"]
    np.testing.assert_allclose(rows["relevance"], gain)
    by_token = settings_with(warehouse.folder, per_token=True).matching
    per_token = read_relevance(warehouse, by_token)
    assert per_token is not None
    np.testing.assert_allclose(per_token["relevance"], gain / known["n_tokens"])
    assert read_relevance(warehouse, Matching()) is None  # no student is among the matchers
    window = steps.train_window(run_of(warehouse))
    assert window.data.relevance_labels is None


def test_without_candidates_it_says_what_to_run(warehouse: Warehouse, engine: ToyEngine) -> None:
    for table in ("matching.models", "matching.scores"):
        warehouse.delete(table, {"fit": "train"})
    with pytest.raises(PolyrecError, match="no candidates of fit train"):
        steps.label_relevance.fn(run_of(warehouse))


def test_a_cross_encoder_is_made_once(warehouse: Warehouse, engine: ToyEngine) -> None:
    settings = settings_with(warehouse.folder.parent.parent)
    section = settings.matching.cross_encoder.model_copy(update={"steps": 0})
    matching = settings.matching.model_copy(update={"cross_encoder": section})
    run = StageRun("relevance", settings.model_copy(update={"matching": matching}), warehouse, None)
    assert steps.cross_encode.fn(run)
    rows = warehouse.query("pair_scores", fit="train", matcher="cross_encoder")
    assert rows.height == 18 and np.isfinite(rows["score"].to_numpy()).all()
    assert not steps.cross_encode.fn(run)
    assert (settings.data_folder / "matchers" / "train" / "cross_encoder" / "model.json").exists()


def test_matching_lets_the_student_learn_and_comes_to_rest(warehouse: Warehouse, engine: ToyEngine) -> None:
    """The student proposes items, too; what the language model is asked about must not follow from that."""

    def scored() -> np.ndarray:
        rows = warehouse.query("candidate_scores", fit="train", matchers=["relevance_student"])
        return rows.filter(pl.col("user_id") != "8")["score"].to_numpy()

    assert match(run_of(warehouse), "train")
    assert not scored().any()  # nothing was labelled yet
    assert steps.label_relevance.fn(run_of(warehouse))
    assert match(run_of(warehouse), "train")
    assert scored().any()
    assert not steps.label_relevance.fn(run_of(warehouse))
    assert not match(run_of(warehouse), "train")
    assert not match(run_of(warehouse, users=4), "train")  # asking fewer changes no score by itself


def scores() -> pl.DataFrame:
    """Matchers a and b agree on y; a proposed x and y, b proposed y; z was proposed by the student alone."""
    rows = [
        ("u", "x", "a", 3.0, 1),
        ("u", "y", "a", 2.0, 2),
        ("u", "z", "a", 9.0, None),
        ("u", "x", "b", 0.1, None),
        ("u", "y", "b", 0.9, 1),
        ("u", "z", "b", 0.5, None),
        ("u", "x", "student", 1.0, None),
        ("u", "y", "student", 0.0, None),
        ("u", "z", "student", 7.0, 1),
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "matcher", "score", "own_rank"], orient="row")


def test_the_best_mean_rank_comes_first_and_ties_go_to_the_lower_id() -> None:
    top = top_together(scores(), 2, without=["student"])
    assert top.rows() == [("u", "x"), ("u", "y")]  # ranks 1 and 2, 2 and 1
    assert top_together(scores(), 1, without=["student"]).rows() == [("u", "x")]


def test_a_matcher_left_out_changes_nothing() -> None:
    """The student learns from these candidates, so that they must not depend on what it learned."""
    with_student = top_together(scores(), 3, without=["student"])
    alone = top_together(scores().filter((pl.col("matcher") != "student") & (pl.col("item_id") != "z")), 3)
    assert with_student.equals(alone)
    assert ("u", "z") in top_together(scores(), 3).rows()
