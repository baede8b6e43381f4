from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.fusion.model import LEARNED
from tasks.fusion.plan import Plan
from tasks.fusion.plots import parallel_figure, pareto_figure, pareto_rows, weights_figure
from tasks.fusion.points import (
    Ratios,
    Trial,
    TrialMetrics,
    best_alone,
    drawn,
    most_accurate,
    most_diverse,
    pareto_front,
)
from tasks.fusion.weight_search import search
from tasks.metrics.folds import folds_of

MATCHERS = ("a", "b", "c")


def bowl(weights: np.ndarray, diversity: float, cap: int = 0) -> TrialMetrics:
    """Accurate near (0.6, 0.3, 0.1) without diversity; variety grows with the dial."""
    accuracy = 1 - float(((weights - [0.6, 0.3, 0.1]) ** 2).sum()) - diversity**2
    return TrialMetrics(accuracy, 0.5 + diversity, 0.5 + diversity)


def plan(trials: int, max_diversity: float = 0.5, seed: int = 0, **more: Any) -> Plan:
    return Plan(10, trials, max_diversity, seed=seed, **more)


def vector(trial: Trial) -> np.ndarray:
    return np.array([trial.weights[name] for name in MATCHERS])


def run(trials: int = 40, seed: int = 0) -> list[Trial]:
    return search(bowl, MATCHERS, plan(trials, seed=seed))


def test_starts_from_each_matcher_alone_and_all_alike() -> None:
    trials = run(trials=4)
    assert [list(trial.weights.values()) for trial in trials] == [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [1 / 3] * 3,
    ]
    assert [trial.diversity for trial in trials] == [0] * 4


def test_weights_are_shares_and_the_search_gets_close() -> None:
    trials = run()
    for trial in trials:
        assert min(trial.weights.values()) >= 0
        assert sum(trial.weights.values()) == pytest.approx(1, abs=1e-12)
        assert 0 <= trial.diversity <= 0.5
        assert trial.metrics == bowl(vector(trial), trial.diversity)
    assert max(trial.metrics.ndcg for trial in trials) > 0.94


def test_the_same_seed_gives_the_same_study_bit_for_bit_and_another_seed_another() -> None:
    assert run() == run()
    assert run() != run(seed=1)


def test_progress_sees_every_trial() -> None:
    seen: list[Trial] = []
    assert search(bowl, MATCHERS, plan(6), on_trial=seen.append) == seen


def test_front_and_choice() -> None:
    trials = run()
    front = pareto_front(trials)
    assert all(
        a.metrics.ndcg > b.metrics.ndcg and a.metrics.variety < b.metrics.variety for a, b in pairwise(front)
    )
    for trial in trials:
        mine = trial.metrics
        better = (one.metrics for one in front if one.metrics.ndcg >= mine.ndcg)
        assert any(one.variety >= mine.variety for one in better)
    assert most_diverse(trials, 0) == front[0]
    alone = best_alone([trial.metrics for trial in trials if trial.is_alone], max_ndcg_loss=1.0)
    no_worse = [
        trial for trial in trials if all(mine >= its for mine, its in zip(trial.metrics, alone, strict=True))
    ]
    assert most_diverse(trials, 0.9999) == max(no_worse, key=lambda trial: trial.metrics.variety)
    chosen, enough = most_diverse(trials, 0.05), 0.95 * front[0].metrics.ndcg
    assert chosen.metrics.ndcg >= enough
    near = (trial.metrics.variety for trial in trials if trial.metrics.ndcg >= enough)
    assert chosen.metrics.variety == max(near)


def test_choice_pays_for_one_metric_of_variety_with_no_other() -> None:
    """Much more catalogue but less ild than the best matcher alone has: only if nothing else is near."""

    def evaluate(weights: np.ndarray, diversity: float, cap: int = 0) -> TrialMetrics:
        if weights.max() == 1:
            return TrialMetrics(0.10, 0.5, 0.10)
        return TrialMetrics(0.11, 0.6, 0.11) if diversity < 0.25 else TrialMetrics(0.11, 0.4, 0.9)

    trials = search(evaluate, ("a", "b"), plan(20))
    assert {trial.metrics.ild for trial in trials} == {0.5, 0.6, 0.4}
    assert most_diverse(trials, 0.05).metrics == TrialMetrics(0.11, 0.6, 0.11)


def test_the_best_alone_is_the_most_varied_of_those_that_are_as_accurate() -> None:
    alone = [TrialMetrics(0.100, 0.5, 0.1), TrialMetrics(0.098, 0.5, 0.2), TrialMetrics(0.090, 0.9, 0.9)]
    assert [best_alone(alone, loss) for loss in (0.0, 0.03, 0.2)] == alone


def test_accurate_weights_are_tried_under_several_dials_and_mixed_with_others() -> None:
    accurate = np.array([0.6, 0.3, 0.1])
    trials = search(bowl, MATCHERS, plan(24, 0.4), accurate=accurate)
    same = [trial for trial in trials if np.allclose(vector(trial), accurate)]
    assert [trial.diversity for trial in same[:5]] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert max(trial.metrics.ndcg for trial in trials) == pytest.approx(1)
    mixed = 0.85 * accurate + [0.15, 0, 0]
    assert any(np.allclose(vector(trial), mixed) for trial in trials)


def test_variety_weighs_relative_gains_of_both_alike_and_does_without_categories() -> None:
    assert TrialMetrics(0.1, 0.8, 0.2).variety == pytest.approx(0.4)
    more_ild, more_catalogue = TrialMetrics(0.1, 0.8 * 1.1, 0.2), TrialMetrics(0.1, 0.8, 0.2 * 1.1)
    assert more_ild.variety == pytest.approx(more_catalogue.variety)
    assert TrialMetrics(0.1, 0.0, 0.2).variety == 0.2


def test_no_diversity_and_two_trials_are_enough() -> None:
    trials = search(bowl, MATCHERS, plan(2, max_diversity=0.0))
    assert most_diverse(trials, 0.01).weights == {"a": 1.0, "b": 0.0, "c": 0.0}


def test_no_matcher_is_refused() -> None:
    with pytest.raises(ValueError, match="no matcher to weigh"):
        search(bowl, (), plan(2))


def test_folds_are_equal_and_depend_on_ids_and_seed_only() -> None:
    users = [str(number) for number in range(101)]
    fold = folds_of(users, seed=0)
    assert np.bincount(fold).tolist() == [51, 50]
    np.testing.assert_array_equal(folds_of(users[::-1], seed=0), fold[::-1])
    assert (folds_of(users, seed=1) != fold).any()
    # Neighbouring ids do not land together: ids may have been given out by date.
    assert 0.3 < np.mean(fold[1:] == fold[:-1]) < 0.7
    assert folds_of(["only"], seed=0).tolist() == [0]


def test_plots_show_every_trial_and_mark_the_choice() -> None:
    trials = run(trials=12)
    chosen = most_diverse(trials, 0.05)
    figure = pareto_figure(trials, chosen, k=10)
    traces = {trace["name"]: trace for trace in figure.to_dict()["data"]}
    assert len(traces["trials"]["x"]) == len(trials)
    assert list(traces["one matcher alone"]["text"]) == list(MATCHERS)
    assert (traces["chosen"]["x"][0], traces["chosen"]["y"][0]) == (
        chosen.metrics.variety,
        chosen.metrics.ndcg,
    )
    rows = pareto_rows(trials, chosen)
    assert [row["trial"] for row in rows if row["chosen"]] == [chosen.number]
    assert set(MATCHERS) < set(rows[0])


def test_the_diverse_rule_takes_the_most_accurate_that_is_varied_enough() -> None:
    def evaluate(weights: np.ndarray, diversity: float, cap: int = 0) -> TrialMetrics:
        if weights.max() == 1:
            return TrialMetrics(0.10, 0.5, 0.10)
        return TrialMetrics(0.13 - 0.02 * diversity, 0.5 * (1 + diversity), 0.10 * (1 + diversity))

    ratios = Ratios(catalogue=1.25, ild=1.1)
    trials = search(evaluate, ("a", "b"), plan(40, 0.8, ratios=ratios), accurate=np.array([0.5, 0.5]))
    asked = most_accurate(trials, ratios)
    enough = [t for t in trials if t.metrics.effective_catalogue >= 0.125 and t.metrics.ild >= 0.55]
    assert asked.metrics.ndcg == max(trial.metrics.ndcg for trial in enough)
    assert 0.25 <= asked.diversity < 0.4
    # What nobody reaches is come as close to as there is.
    close = most_accurate(trials, Ratios(catalogue=9, ild=1.1))
    assert close.metrics.effective_catalogue == max(t.metrics.effective_catalogue for t in trials)


def test_a_learned_ranker_is_weighed_and_is_no_matcher_alone() -> None:
    columns = (*MATCHERS, LEARNED)
    trials = search(
        lambda w, *_: TrialMetrics(float(w[3]), 0.5, 0.5), columns, plan(12, 0.0), accurate=np.eye(4)[3]
    )
    assert [trial.is_alone for trial in trials[:5]] == [True] * 3 + [False] * 2
    assert trials[3].weights[LEARNED] == 0  # all matchers alike
    assert trials[4].weights[LEARNED] == 1


@pytest.mark.parametrize("killed_at", [2, 13, 25])
def test_a_search_that_was_killed_goes_on_and_ends_as_one_that_was_not(
    killed_at: int, tmp_path: Path
) -> None:
    asked_for = plan(30, seed=3, max_ndcg_loss=0.05, ratios=Ratios(catalogue=1.1, ild=1.1))
    more: dict[str, Any] = {"accurate": np.array([0.5, 0.3, 0.2]), "caps": (0, 2)}
    whole = search(bowl, MATCHERS, asked_for, **more)
    asked = 0

    def until_killed(weights: np.ndarray, diversity: float, cap: int = 0) -> TrialMetrics:
        nonlocal asked
        asked += 1
        if asked > killed_at:
            raise KeyboardInterrupt
        return bowl(weights, diversity)

    file = tmp_path / "trials.jsonl"
    with pytest.raises(KeyboardInterrupt):
        search(until_killed, MATCHERS, asked_for, file=file, **more)
    with file.open("a") as half_a_line:
        half_a_line.write('{"parameters": {"weight_a": 0.1')
    evaluated: list[float] = []

    def counted(weights: np.ndarray, diversity: float, cap: int = 0) -> TrialMetrics:
        evaluated.append(diversity)
        return bowl(weights, diversity)

    seen: list[Trial] = []
    again = search(counted, MATCHERS, asked_for, on_trial=seen.append, file=file, **more)
    assert again == whole == seen
    assert [trial.parameters for trial in seen] == [trial.parameters for trial in whole]
    assert len(evaluated) == 30 - killed_at


def test_more_plots_show_every_trial_and_every_search() -> None:
    trials = run(trials=12)
    lines = parallel_figure(trials, k=10).to_dict()["data"][0]
    assert [axis["label"] for axis in lines["dimensions"]] == [
        *MATCHERS, "diversity", "category cap", "ild", "effective catalogue", "NDCG@10",
    ]  # fmt: skip
    assert all(len(axis["values"]) == len(trials) for axis in lines["dimensions"])
    bars = weights_figure({"fold_a": trials[0], "all": trials[3]}).to_dict()["data"]
    assert [bar["name"] for bar in bars] == ["fold_a", "all"]
    assert list(bars[0]["y"]) == [1, 0, 0]


def point_trial(
    number: int, ndcg: float, ild: float, weights: Sequence[float], diversity: float = 0.0
) -> Trial:
    named: dict[str, float] = dict(zip(MATCHERS, weights, strict=True))
    return Trial(number, named, diversity, TrialMetrics(ndcg, ild, ild))


def test_variety_takes_at_most_half_of_what_fusing_gains() -> None:
    alone = point_trial(0, 0.1, 0.5, (1, 0, 0))
    top, near, far = (
        point_trial(1 + at, ndcg, 0.6 + at / 10, (0.5, 0.5, 0))
        for at, ndcg in enumerate((0.11, 0.106, 0.104))
    )
    assert most_diverse([alone, top, near, far], 0.1) is near  # 0.104 is within the tenth, not within half
    assert most_diverse([alone, top, near, far], 0.01) is top
    assert most_diverse([alone, top, near, point_trial(3, 0.2, 0.5, (0, 0.5, 0.5))], 0.1).metrics.ndcg == 0.2
    assert most_diverse([top, near, far], 0.1) is far  # nothing alone to gain over


def test_points_that_few_users_chose_are_drawn_towards_all_alike() -> None:
    trial = point_trial(0, 0.1, 0.5, (1, 0, 0), diversity=0.4)
    weights, diversity, _ = drawn(trial, 10)
    assert weights == pytest.approx({"a": 4 / 6, "b": 1 / 6, "c": 1 / 6}) and diversity == pytest.approx(0.2)
    far = [drawn(trial, users).weights["a"] for users in (2, 10, 50, 199)]
    assert far == sorted(far) and far[0] < 0.5 and far[-1] > 0.95
    assert drawn(trial, 200) == trial.point  # bit for bit
    learned = Trial(0, {"a": 0.0, LEARNED: 1.0}, 0.0, TrialMetrics(0.1, 0.5, 0.5))
    assert drawn(learned, 30).weights == pytest.approx({"a": 0.25, LEARNED: 0.75})
