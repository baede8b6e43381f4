"""The search on a toy whose best settings are known; and that every matcher says what is searched of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from tasks.matching import registry
from tasks.matching.contract import Matcher
from tasks.matching.validation import Figures, Validation
from tasks.settings.matching import Matching
from tasks.settings.space import Choice, Real, Whole, contains
from tasks.studies.parameter_search import Search, Trial, best, out_of_fold_value
from tasks.studies.search_plots import search_figure
from tests.matching.toys import HELD_BACK, N_ITEMS, N_USERS, checkerboard
from warehouse.errors import PolyrecError

SPACES = {"depth": Whole(1, 9), "rate": Real(0.01, 1, log=True), "loss": Choice("good", "bad")}
AS_SET: dict[str, Any] = {"depth": 2, "rate": 0.5, "loss": "good"}
FOLD = np.array([0, 0, 1, 1])


def make(values: Mapping[str, Any]) -> Any:
    """What stands for a matcher: its settings."""
    return dict(values)


def evaluate(values: Any) -> Figures:
    """Best at depth 7 and rate 0.1."""
    value = (
        1
        - 0.1 * abs(values["depth"] - 7)
        - 0.1 * abs(np.log10(values["rate"]) + 1)
        - (values["loss"] == "bad")
    )
    return Figures(np.full(4, value), 0.2, float("nan"), 0.0, 0.0)


def values_of(search: Search) -> list[tuple[Any, ...]]:
    return [(trial.number, trial.parameters, trial.figures.mean_ndcg) for trial in search.trials]


def test_the_search_begins_with_what_is_set_and_finds_better() -> None:
    search = Search(SPACES, seed=0)
    as_set = search.run(make, evaluate, AS_SET, trials=40)
    first = search.trials[0]
    assert (first.number, first.as_set, first.parameters) == (0, True, AS_SET)
    assert as_set.number == 0
    assert len(search.trials) == 40
    found = best(search.trials)
    assert found.figures.mean_ndcg > 0.9 > as_set.figures.mean_ndcg
    assert found.parameters["loss"] == "good"
    assert {"depth", "rate", "loss"} == set(search.importance())
    figure = search_figure("toy", search.trials, SPACES, k=10).to_dict()
    assert len(figure["data"]) == 5
    assert figure["layout"]["xaxis3"]["type"] == "log"


def test_one_seed_gives_the_same_trials_in_one_go_or_in_several(tmp_path: Path) -> None:
    whole = Search(SPACES, seed=3)
    whole.run(make, evaluate, AS_SET, trials=16)
    for trials in (5, 11):
        again = Search(SPACES, 3, tmp_path / "searches" / "toy.jsonl")
        assert again.run(make, evaluate, AS_SET, trials=trials).as_set
    assert values_of(again) == values_of(whole)
    np.testing.assert_array_equal(again.trials[0].figures.ndcg, whole.trials[0].figures.ndcg)
    other = Search(SPACES, seed=4)
    other.run(make, evaluate, AS_SET, trials=16)
    assert values_of(other)[1:] != values_of(whole)[1:]


def test_a_search_that_was_killed_goes_on_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    file = tmp_path / "toy.jsonl"

    def killed(values: Any) -> Figures:
        if values != AS_SET:
            raise KeyboardInterrupt
        return evaluate(values)

    with pytest.raises(KeyboardInterrupt):
        Search(SPACES, 0, file).run(make, killed, AS_SET, trials=3)
    search = Search(SPACES, 0, file)
    assert (len(search.trials), search.failed) == (1, 0)
    search.run(make, evaluate, AS_SET, trials=4)
    assert [trial.number for trial in search.trials] == [0, 1, 2, 3, 4]
    whole = Search(SPACES, 0)
    whole.run(make, evaluate, AS_SET, trials=5)
    assert values_of(search) == values_of(whole)
    assert sum(trial.as_set for trial in search.trials) == 1


def test_settings_outside_the_space_are_judged_apart() -> None:
    search = Search(SPACES, seed=0)
    as_set = search.run(make, evaluate, {**AS_SET, "depth": 50}, trials=3)
    assert (as_set.number, as_set.parameters["depth"]) == (-1, 50)
    assert len(search.trials) == 2


def test_settings_that_cannot_be_fitted_are_passed_over_unless_all_are() -> None:
    def picky(values: Any) -> Figures:
        if values["loss"] == "bad":
            raise ValueError("no such loss")
        return evaluate(values)

    search, seen = Search(SPACES, seed=0), []
    search.run(make, picky, AS_SET, trials=12, on_trial=seen.append)
    assert len(seen) == 12
    assert search.failed == sum(trial is None for trial in seen) > 0
    assert all(trial.parameters["loss"] == "good" for trial in search.trials)

    def broken(values: Any) -> Figures:
        if values != AS_SET:
            raise ValueError("no such loss")
        return evaluate(values)

    with pytest.raises(PolyrecError, match="could be fitted; the last one: no such loss"):
        Search(SPACES, seed=0).run(make, broken, AS_SET, trials=4)


def test_no_minutes_is_one_trial_and_no_end_is_refused() -> None:
    search = Search(SPACES, seed=0)
    search.run(make, evaluate, AS_SET, minutes=0)
    assert len(search.trials) == 1
    with pytest.raises(ValueError, match="a search needs an end"):
        search.run(make, evaluate, AS_SET)


def test_out_of_fold_shows_the_luck_of_the_winner() -> None:
    lucky_on_a, lucky_on_b, steady = ([0.9, 0.9, 0.1, 0.1], [0.1, 0.1, 0.9, 0.9], [0.6, 0.6, 0.6, 0.6])
    trials = [
        Trial(number, {}, False, Figures(np.array(ndcg), 0.0, 0.0, 0.0, 0.0))
        for number, ndcg in enumerate((lucky_on_a, lucky_on_b, steady))
    ]
    fold = out_of_fold_value(trials, FOLD)
    assert [trial.number for trial in fold.chosen] == [0, 1]
    assert fold.value == pytest.approx((0.1, 0.1))
    assert fold.ndcg.tolist() == [0.1, 0.1, 0.1, 0.1]
    assert best(trials).number == 2


def test_a_matcher_is_judged_by_what_was_held_back() -> None:
    rows, items = np.array(list(HELD_BACK.items())).T
    relevant = csr_array((np.ones(len(rows), dtype=bool), (rows, items)), shape=(N_USERS, N_ITEMS))
    shown = np.ones(N_ITEMS, dtype=bool)
    data = checkerboard()

    def figures(shown: np.ndarray) -> Figures:
        matcher: Matcher = registry.build("ease", Matching.model_validate({"ease": {"regularisation": 1}}))
        return Validation(data, relevant, shown, k=1, block_users=3)(matcher)

    found = figures(shown)
    assert found.ndcg.tolist() == [1.0] * len(HELD_BACK)
    assert np.isnan(found.ild)
    assert found.effective_catalogue == pytest.approx(len(set(HELD_BACK.values())) / N_ITEMS)
    shown[HELD_BACK[0]] = False  # nobody is shown it any more
    assert figures(shown).ndcg[0] == 0


@pytest.mark.parametrize("name", sorted(registry.KINDS))
def test_every_matcher_says_what_is_searched_of_it_or_why_nothing(name: str) -> None:
    section = registry.section_of(name)
    if section is None:
        assert registry.searched(name) == {}
        return
    spaces = registry.searched(name)
    assert bool(spaces) != bool(section.not_searched), (
        f"annotate a setting of {section.__name__} with Real, Whole or Choice of tasks/settings/space.py, "
        "or say in not_searched why there is nothing to search"
    )
    settings = Matching()
    for key, space in spaces.items():
        default = section.model_fields[key].get_default(call_default_factory=True)
        assert contains(space, default), f"the search of {key} does not come upon its default"
        ends = space.options if isinstance(space, Choice) else (space.low, space.high)
        for value in ends:
            changed = registry.with_values(settings, name, {key: value})
            assert registry.build(name, changed).parameters().get(key, value) == value
