"""The fusion benchmark: what it makes of a report, and toys for real."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.fusion import main
from benchmarks.fusion_dial import DIALS, ValidationUsers, dial_figures
from benchmarks.fusion_figures import figures_of_test, search_speed, summary, tables
from benchmarks.fusion_speed import explaining, heads_of
from tasks.fusion.model import WEIGHTED, FusionModel
from tasks.fusion.normalise import Normaliser
from tasks.fusion.rerank import RERANKERS
from tasks.metrics.evaluator import Truth
from tasks.settings import Settings
from tests.fusion import toys


def part(ndcg: float, catalogue: float, ild: float) -> dict[str, Any]:
    values = {"ndcg_at_10": ndcg, "effective_catalogue_at_10": catalogue, "ild_at_10": ild}
    return {**values, "metrics": {name: {"value": value} for name, value in values.items()}}


def report() -> dict[str, Any]:
    against = {"model": "ease", "difference": 0.02, "low": 0.01, "high": 0.03}
    return {
        "k": 10,
        "models": {"ease": {"test": part(0.15, 0.2, 0.75)}, "popularity": {"test": part(0.07, 0.02, 0.8)}},
        "fusion": {
            "test": part(0.175, 0.22, 0.78) | {"vs_best_single": against},
            "diverse": {"test": part(0.153, 0.26, 0.84)},
        },
        "dataset": "movielens-100k",
        "protocol": "temporal_user",
        "split_hash": "s",
        "test_looks": 1,
    }


def validation_users() -> ValidationUsers:
    relevant = toys.random_relevance()
    truth = Truth(relevant, toys.random_relevance(1), toys.random_categories(), 5, toys.random_vectors())
    return ValidationUsers(toys.random_candidates(), truth, toys.context(), np.arange(toys.USERS) % 2)


def test_figures_of_test_are_shares_of_the_best_single_matchers() -> None:
    assert figures_of_test(report()) == {
        "test_ndcg_at_10": 0.175,
        "vs_best_single_low": 0.01,
        "diverse_ndcg_vs_best_single": pytest.approx(1.02),
        "diverse_effective_catalogue_vs_best_single": pytest.approx(1.3),
        "diverse_ild_vs_best_single": pytest.approx(1.12),
    }


def test_what_a_run_has_not_is_null() -> None:
    early = report()
    del early["fusion"]["diverse"], early["fusion"]["test"]
    assert set(figures_of_test(early).values()) == {None}


def test_dials_are_evaluated_for_every_reranker() -> None:
    found = dial_figures(validation_users(), seed=0)
    assert [(row["reranker"], row["dial"]) for row in found["rows"]] == [
        (name, dial) for name in RERANKERS for dial in DIALS
    ]
    first = [row for row in found["rows"] if row["dial"] == 0]
    assert all(row["ndcg"] == first[0]["ndcg"] for row in first)  # by score, whatever the method
    assert found["spearman"]["calibrated"]["calibration"] < -0.5
    assert found["catalogue_for_2_percent_ndcg"]["ndcg"] >= 0.98


def test_weights_are_learned_on_the_other_fold() -> None:
    one = validation_users()
    before = one.scores(0.0, seed=0)
    swapped = ValidationUsers(one.candidates, one.truth, one.context, 1 - one.fold)
    np.testing.assert_array_equal(swapped.scores(0.0, seed=0), before)
    mine = np.flatnonzero(one.fold == 0)
    changed = one.truth.relevant.toarray()
    changed[mine] = ~changed[mine]
    other = Truth(type(one.truth.relevant)(changed), one.truth.history, one.truth.categories, 5)
    again = ValidationUsers(one.candidates, other, one.context, one.fold).scores(0.0, seed=0)
    np.testing.assert_array_equal(again[mine], before[mine])


def test_heads_are_of_users_with_enough_candidates() -> None:
    scores = np.full((3, 120), -np.inf)
    scores[1] = np.arange(120)
    got, items = heads_of(scores, np.tile(np.arange(120), (3, 1)))
    assert items.shape == (5000, 100)
    assert items[0].tolist() == list(range(119, 19, -1))
    np.testing.assert_array_equal(got[4999], got[0])
    with pytest.raises(ValueError, match="no user has 100 candidates"):
        heads_of(scores[:1], np.zeros((1, 120), dtype=int))


def test_summary_and_tables() -> None:
    weights = dict.fromkeys(toys.MATCHERS, 1 / 3)
    model = FusionModel(WEIGHTED, Normaliser("zscore"), weights, 0.3)
    found = {
        "dial": dial_figures(validation_users(), seed=0),
        "users_per_s": {
            name: {"this_catalogue": 9000.0, "large_catalogue": 6000.4} for name in ("mmr", "dpp")
        },
        "explaining": explaining(model, toys.random_candidates(), toys.context()),
    }
    values = summary(report(), 4.56789, found)
    assert list(values["ratios"]) == [
        *("test_ndcg_at_10", "vs_best_single_low", "diverse_ndcg_vs_best_single"),
        *("diverse_effective_catalogue_vs_best_single", "diverse_ild_vs_best_single", "search_trials_per_s"),
        *("mmr_users_per_s", "dpp_users_per_s", "explain_list_ms"),
    ]
    assert values["ratios"]["search_trials_per_s"] == 4.568
    assert values["ratios"]["mmr_users_per_s"] == 6000
    assert 0 < values["ratios"]["explain_list_ms"] < 1000
    assert values["membership_explain_s"] > 0
    assert list(values["settings"]) == ["ease", "published", "diverse"]
    ratios, on_test, dial, told = tables(values)
    assert [table.row_count for table in (ratios, on_test, dial)] == [10, 3, 15]  # type: ignore[union-attr]
    assert "dpp: ild follows the dial with Spearman's" in str(told)
    missing = tables(summary(report(), None, found))[-1]
    assert "search_trials_per_s cannot be had from this home" in str(missing)


def test_a_home_without_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search_speed(Settings(home=tmp_path), "m") is None
    assert main(["--home", str(tmp_path)]) == 1
    assert "nothing is published yet" in capsys.readouterr().err
