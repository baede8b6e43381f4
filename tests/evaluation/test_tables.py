"""What evaluation keeps of some lists, in the small world of tests/camps.py."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.evaluation.tables import spreads, write_comparisons, write_groups, write_metrics, write_per_user
from tasks.evaluation.truth import read_item_age, read_truth
from tasks.ingest.splits import split_interactions
from tasks.metrics.bootstrap import bootstrap_mean, paired_difference
from tasks.metrics.evaluator import evaluate_at, evaluate_lists, truths_at
from tasks.run.stage import StageRun
from tasks.settings import Settings
from tests.camps import ITEMS, USERS, fill
from tests.empty import with_warehouse
from warehouse.connection import writing

SETTINGS = Settings.model_validate({"evaluation": {"k": 3, "more_k": [1, 3, 5], "resamples": 500}})


@pytest.fixture
def run(tmp_path: Path) -> Iterator[StageRun]:
    with writing(with_warehouse(tmp_path), "a test") as warehouse:
        fill(warehouse)
        split_interactions(warehouse, SETTINGS.data, 0)
        yield StageRun("evaluation", SETTINGS, warehouse, None)


def test_every_figure_at_every_k_for_everyone_and_every_group(run: StageRun) -> None:
    truth, user_ids, _ = read_truth(run.warehouse, SETTINGS, "test")
    generator = np.random.default_rng(0)
    lists = {
        name: np.argsort(generator.random((len(user_ids), ITEMS)), axis=1)[:, :5]
        for name in ("fusion", "fusion_diverse", "ease")
    }
    lists["fusion"][:, 0] = -1
    rows = np.diff(truth.relevant.indptr) > 0
    lists["fusion"][rows, 0] = truth.relevant.indices[truth.relevant.indptr[:-1][rows]]  # a hit for everyone
    repeated = lists["fusion"][:, 1:] == lists["fusion"][:, :1]
    lists["fusion"][:, 1:][repeated] = -1
    judged = {
        model: evaluate_at(items, truths_at(truth, SETTINGS.evaluation.all_k))
        for model, items in lists.items()
    }
    spread = spreads(run, judged)
    write_metrics(run, "test", judged, spread)
    write_per_user(run, "test", judged, user_ids)
    write_comparisons(run, "test", judged, spread, best="ease")
    write_groups(run, "test", lists, truth, judged, best="ease")

    metrics = run.warehouse.query("metrics")
    assert {"ndcg_at_1", "ndcg_at_3", "ndcg_at_5", "map_at_5", "coverage_at_1"} <= set(metrics["metric"])
    row = metrics.row(
        by_predicate=(pl.col("model") == "ease") & (pl.col("metric") == "ndcg_at_3"), named=True
    )
    alone = evaluate_lists(lists["ease"], truth)
    assert row["value"] == pytest.approx(alone.metrics["ndcg_at_3"])
    wanted = bootstrap_mean(alone.per_user["ndcg_at_3"], 2000)
    assert [row["low"], row["high"]] == pytest.approx(wanted[1:], abs=0.02)
    kept = run.warehouse.frame("from evaluation.per_user where part = 'test' and metric = 'recall_at_5'")
    assert kept.height == 3 * USERS

    compared = run.warehouse.query("comparisons")
    assert compared["best"].all()
    assert set(compared["model"]) == {"fusion", "fusion_diverse"}
    assert set(compared["other"]) == {"ease"}
    row = compared.row(
        by_predicate=(pl.col("model") == "fusion") & (pl.col("metric") == "recall_at_1"), named=True
    )
    pair = judged["fusion"].per_user["recall_at_1"], judged["ease"].per_user["recall_at_1"]
    assert row["difference"] == pytest.approx(paired_difference(*pair).difference)
    assert row["low"] > 0

    groups = run.warehouse.query("groups")
    assert set(groups["group_kind"]) == {"history_length", "item_age", "popularity"}
    of_users = groups.filter(
        (pl.col("group_kind") == "history_length")
        & (pl.col("metric") == "recall_at_3")
        & (pl.col("model") == "ease")
    )
    assert (of_users["value"] * of_users["users"]).sum() / USERS == pytest.approx(
        alone.metrics["recall_at_3"]
    )
    against = run.warehouse.query("group_comparisons").filter(pl.col("metric") == "recall_at_3")
    assert set(against["model"]) == {"fusion"}
    assert set(against["other"]) == {"ease"}
    assert (against["difference"] > 0).all()


def test_items_without_years_age_by_their_first_event(run: StageRun) -> None:
    age = read_item_age(run.warehouse, SETTINGS, "test")
    assert len(age) == ITEMS
    assert not np.isnan(age).any()
    years = (
        run.warehouse.query("items")
        .select("item_id", "title", "content_hash", "categories")
        .with_columns(year=pl.int_range(1990, 1990 + ITEMS, dtype=pl.Int32))
    )
    run.warehouse.replace("core.items", years)
    assert read_item_age(run.warehouse, SETTINGS, "test").tolist() == [
        -1990.0 - item for item in range(ITEMS)
    ]


def test_events_of_little_value_are_not_relevant(run: StageRun) -> None:
    truth, everyone, _ = read_truth(run.warehouse, SETTINGS, "test")
    events = run.warehouse.query("fit_interactions", protocol="temporal_user", parts=["test"])
    disliked = events.filter(pl.col("user_id") == everyone[0])["item_id"].to_list()
    core = run.warehouse.query("interactions")
    low = (pl.col("user_id") == everyone[0]) & pl.col("item_id").is_in(disliked)
    run.warehouse.replace(
        "core.interactions", core.with_columns(value=pl.when(low).then(0.5).otherwise("value"))
    )
    picky = SETTINGS.model_copy(
        update={"evaluation": SETTINGS.evaluation.model_copy(update={"min_value": 1.0})}
    )
    changed, judged, _ = read_truth(run.warehouse, picky, "test")
    assert judged == everyone[1:]
    assert changed.relevant.nnz == truth.relevant.nnz - len(disliked)
    assert changed.history.nnz < truth.history.nnz  # of the one user who is not judged; others keep theirs
