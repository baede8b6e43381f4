"""Champion and challenger: which model is for whom, and which wins."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from tasks.fusion.champion import Decision, FoldModels, decide, ndcg_of, without_champion
from tasks.fusion.model import WEIGHTED, FusionModel
from tasks.fusion.normalise import Normaliser
from tasks.metrics.folds import fold_of, folds_of, last_of_fold_0

USERS = [f"u{number}" for number in range(31)]


def alone(matcher: str) -> FusionModel:
    return FusionModel(WEIGHTED, Normaliser("zscore"), {"ease": 0.0, "popularity": 0.0, matcher: 1.0})


def test_a_half_is_found_again_whoever_else_there_is() -> None:
    fold = folds_of(USERS, seed=3)
    last = last_of_fold_0(USERS, seed=3)
    assert fold_of(USERS, 3, last).tolist() == fold.tolist()
    some = USERS[5:20]
    assert fold_of([*some, "new"], 3, last)[:-1].tolist() == fold[5:20].tolist()
    assert fold_of([], 3, last).shape == (0,)
    assert fold_of(some, 3, last_of_fold_0([], seed=3)).tolist() == [1] * len(some)


def test_models_are_for_those_whom_their_choice_did_not_see() -> None:
    folds = FoldModels.of_search((alone("ease"), alone("popularity")), USERS, seed=3)
    assert folds.models == (alone("popularity"), alone("ease"))
    again = FoldModels.from_record({"folds": folds.to_json()})
    assert again == folds


def decided(difference: float, promote: str = "when_better") -> Decision:
    champion = np.random.default_rng(0).random(200)
    challenger = champion + difference + np.random.default_rng(1).normal(0, 0.05, 200)
    return decide(champion, challenger, promote, "ndcg_at_10", 500, 0)  # type: ignore[arg-type]


def test_only_a_sure_gain_replaces_the_champion() -> None:
    better, alike, worse = decided(0.05), decided(0.0), decided(-0.05)
    assert (better.outcome, alike.outcome, worse.outcome) == ("promoted", "kept", "kept")
    assert better.low is not None and better.low > 0
    assert alike.low is not None and alike.high is not None and alike.low < 0 < alike.high
    assert better.users == 200
    assert better.difference == pytest.approx(better.challenger - better.champion)  # type: ignore[operator]


def test_the_same_model_again_is_kept() -> None:
    values = np.random.default_rng(0).random(50)
    same = decide(values, values, "when_better", "ndcg_at_10", 100, 0)
    assert same.keeps and (same.difference, same.low, same.high) == (0, 0, 0)


def test_the_operator_has_the_last_word() -> None:
    assert decided(-0.05, "always").outcome == "promoted"
    never = decided(0.05, "never")
    assert never.keeps and 'promote = "never"' in never.reason
    assert never.low is not None and never.low > 0  # what it would have gained is told all the same


@pytest.mark.parametrize("users", [0, 1])
def test_too_few_users_show_nothing(users: int) -> None:
    """Even if the only one is better off: a single user has no interval."""
    values = np.full(users, 0.2)
    kept, never, always = (
        decide(values, values + 0.5, promote, "ndcg_at_10", 100, 0)
        for promote in ("when_better", "never", "always")
    )
    assert kept == Decision("kept", kept.reason, "ndcg_at_10", users)  # without figures
    assert "too few users" in kept.reason
    assert (never.outcome, always.outcome) == ("kept", "promoted")
    assert 'promote = "never"' in never.reason


def test_users_without_a_value_are_left_out() -> None:
    champion, challenger = np.array([0.1, np.nan, 0.3]), np.array([0.2, 0.9, 0.4])
    decision = decide(champion, challenger, "when_better", "ndcg_at_10", 100, 0)
    assert decision.users == 2 and decision.difference == pytest.approx(0.1)


def test_without_a_champion_that_can_be_used() -> None:
    assert without_champion("ndcg_at_10").outcome == "first"
    replaced = without_champion("ndcg_at_10", "matcher 'x' is no longer in [matching] matchers")
    assert replaced.outcome == "promoted" and "matcher 'x'" in replaced.reason
    assert replaced == Decision(replaced.outcome, replaced.reason, "ndcg_at_10")  # without figures


def test_ndcg_of_lists() -> None:
    relevant = csr_array(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=bool))
    values = ndcg_of(np.array([[1, 0, 2], [1, 0, 2], [0, 1, 2]]), relevant, 2)
    assert values[:2] == pytest.approx([1, 1 / np.log2(3)])
    assert np.isnan(values[2])
