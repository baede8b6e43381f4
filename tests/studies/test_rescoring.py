"""What matchers of pairs are worth on a sample, where it is known."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from flows.cli.tables.relevance import relevance_table
from tasks.matching.pairs import steps
from tasks.studies.rescoring import CHANCE, TOGETHER, Rescoring, Sample
from tests.empty import with_warehouse
from tests.matching.pairs.world import fill, run_of, settings_with
from tests.models.toys import ToyEngine
from warehouse.connection import writing

TRIALS = 12


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A language model that knows who will have what, and a cross-encoder that has it the wrong way round."""
    folder = with_warehouse(tmp_path_factory.mktemp("home") / "warehouse" / "data")
    with pytest.MonkeyPatch.context() as patched, writing(folder, "a test") as warehouse:
        fill(warehouse)
        patched.setattr(steps, "load_engine", lambda _corpus, _folder: ToyEngine())
        run = run_of(warehouse)
        steps.label_relevance.fn(run)
        pairs = steps.sample(run)
        held = warehouse.query("fit_interactions", protocol="temporal_user", parts=["validation"])
        found = held.select("user_id", "item_id", right=pl.lit(1.0))
        judged = warehouse.query("relevance", fit="train").join(found, on=["user_id", "item_id"], how="left")
        gain = pl.col("log_prob_without") + pl.col("right").fill_null(-1.0)
        wrong = pairs.join(found, on=["user_id", "item_id"], how="left", maintain_order="left")
        items = warehouse.query("items")
        return Sample(
            window=steps.train_window(run),
            pairs=pairs,
            scores=warehouse.query("candidate_scores", fit="train", matchers=["cosine_max", "ease"]),
            labels=judged.with_columns(log_prob_with=gain).drop("right"),
            cross_encoded=wrong.with_columns(score=-pl.col("right").fill_null(-1.0)).drop("right"),
            relevant=held,
            items=items,
            recommendable=np.ones(items.height, dtype=bool),
        )


@pytest.fixture(scope="module")
def answer(sample: Sample) -> dict[str, Any]:
    return Rescoring(sample, searched()).answer()


def searched() -> Any:
    settings = settings_with(Path("unused"))
    fusion = settings.fusion.model_copy(update={"trials": TRIALS})
    matching = settings.matching.model_copy(update={"matchers": ("cosine_max", "ease", "relevance_student")})
    return settings.model_copy(update={"fusion": fusion, "matching": matching})


def by(rows: list[Mapping[str, Any]], name: str) -> dict[str, float]:
    return {row[name]: row["ndcg_at_10"] for row in rows}


def test_a_model_that_knows_ranks_first_what_is_among_the_candidates(
    answer: dict[str, Any], sample: Sample
) -> None:
    there = sample.pairs.join(sample.relevant, on=["user_id", "item_id"], how="semi").height / 6
    assert 0 < there < 1
    found = by(answer["models"], "model")
    assert found["language_model"] == pytest.approx(there)
    assert found["cross_encoder"] == pytest.approx(there / 2)  # 1 / log2(3 + 1): the last of three
    assert there / 2 <= found[TOGETHER] <= there
    # A relevant one of three is at each place as often; where there is none, no order has a gain.
    by_rank = np.mean(1 / np.log2([2, 3, 4]))
    assert found[CHANCE] == pytest.approx(there * by_rank, abs=0.03)
    assert set(found) == {
        "cosine_max",
        "ease",
        TOGETHER,
        "language_model",
        "relevance_student",
        "cross_encoder",
        CHANCE,
    }
    variants = by(answer["variants_of_the_language_model"], "model")
    assert list(variants) == ["max", "max, per token", "mean", "mean, per token"]
    assert list(variants.values()) == pytest.approx([there] * 4)


def test_fusion_takes_what_helps_and_nothing_else(answer: dict[str, Any]) -> None:
    found = by(answer["fusion"], "with")
    best = by(answer["models"], "model")["language_model"]
    assert found[""] <= found["language_model"] <= best + 1e-9
    gains = {row["with"]: row["difference"] for row in answer["fusion"] if row["with"]}
    assert gains["language_model"] > 0
    assert list(gains) == ["language_model", "relevance_student", "cross_encoder", CHANCE]
    assert gains[CHANCE] < gains["language_model"]


def test_costs_and_correlations(answer: dict[str, Any], sample: Sample) -> None:
    assert (answer["users"], answer["judged_users"], answer["pairs"]) == (6, 6, 18)
    assert answer["language_model"]["seconds"] == pytest.approx(sample.labels["seconds"].sum())
    assert answer["student"]["ms_a_pair"] > 0
    assert answer["student"]["rank_correlation_of_the_cross_encoder"]["value"] == pytest.approx(-1)
    assert -1 <= answer["student"]["rank_correlation"]["value"] <= 1


def test_it_can_be_repeated(answer: dict[str, Any], sample: Sample) -> None:
    again = Rescoring(sample, searched()).answer()
    assert again["models"] == answer["models"]
    assert again["fusion"] == answer["fusion"]


def test_missing_scores_are_said(sample: Sample) -> None:

    with pytest.raises(
        ValueError, match=r"1 pairs of the sample have no score; run `polyrec relevance` again"
    ):
        Rescoring(replace(sample, cross_encoded=sample.cross_encoded[1:]), searched()).answer()


def test_the_table_shows_all_of_it(answer: dict[str, Any]) -> None:
    cost = {"fit_seconds": 1.0, "score_seconds": 1.0, "ms_a_pair": 2.0}
    console = Console(width=120, record=True)
    console.print(relevance_table({**answer, "cross_encoder": cost}))
    text = console.export_text()
    for piece in (
        "18 pairs of 6 users",
        "language_model",
        "per token",
        "out of fold",
        "ms a pair",
        "rank correlation",
    ):
        assert piece in text
