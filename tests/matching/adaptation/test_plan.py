"""What is tried: the settings as they are first, nothing that a user named, and no more than the budget."""

import pytest

from tasks.matching.adaptation.plan import COMPETING, MatcherPlan, World, left_after, make_plan
from tasks.matching.registry import KINDS
from tasks.settings.matching import Matching
from tasks.settings.space import contains, spaces_of, tried_of

SIZE = {"users": 4000, "items": 3500, "events": 200_000}


def planned(matching: Matching, seed: int = 0, **size: int) -> dict[str, MatcherPlan]:
    return {one.name: one for one in make_plan(matching, World(**{**SIZE, **size}), seed)}


def test_every_competing_matcher_of_the_settings_is_planned_with_what_is_set_first() -> None:
    matching = Matching(adapt_minutes=30)
    plans = planned(matching)
    assert set(plans) == set(COMPETING) & set(matching.matchers)
    for name, plan in plans.items():
        section = getattr(matching, KINDS[name].section).model_dump()
        first = plan.groups[0].fitted | plan.groups[0].applied[0]
        assert first == {key: section[key] for key in first}
        tried = [repr((one.fitted, applied)) for one in plan.groups for applied in one.applied]
        assert len(tried) == len(set(tried)) > 1
        assert MatcherPlan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("name", COMPETING)
def test_what_is_tried_lies_where_tune_searches(name: str) -> None:
    section = type(getattr(Matching(), KINDS[name].section))
    spaces = spaces_of(section)
    tried = tried_of(section)
    assert tried
    assert all(contains(spaces[key], value) for key, values in tried.items() for value in values)


def test_a_setting_that_a_user_named_stays() -> None:
    plans = planned(Matching.model_validate({"ials": {"unobserved": 0.2}}))
    assert all("unobserved" not in group.fitted for group in plans["ials"].groups)
    whole = {"regularisation": 150, "half_life_items": 5, "history_half_life_items": 10}
    assert not planned(Matching.model_validate({"slit": whole}))["slit"].is_search


def test_a_copy_of_all_settings_names_those_that_differ() -> None:
    section = Matching().ials.model_dump() | {"factors": 32, "scaling": 0.7}
    plan = planned(Matching.model_validate({"ials": section}))["ials"]
    assert set(plan.groups[0].fitted | plan.groups[0].applied[0]) == {
        "unobserved",
        "regularisation",
        "half_life_items",
    }


def test_less_time_is_fewer_candidates_and_the_seed_says_which() -> None:
    short = planned(Matching(adapt_minutes=0.3))
    whole = planned(Matching())
    assert sum(len(plan.groups) for plan in short.values()) < sum(len(one.groups) for one in whole.values())
    assert all(len(plan.groups) >= 1 for plan in short.values())
    assert planned(Matching()) == whole
    assert planned(Matching(), seed=1)["slit"].groups[0] == whole["slit"].groups[0]
    assert planned(Matching(), seed=1)["ials"].groups != whole["ials"].groups


def test_a_catalogue_too_large_for_items_by_items_has_no_such_search() -> None:
    assert set(planned(Matching(), items=50_000)) == {"ials", "sasrec", "two_tower"}


@pytest.mark.parametrize(("groups", "expected"), [(1, [1, 1, 1]), (2, [2, 2, 2]), (12, [12, 6, 3])])
def test_each_rung_keeps_the_better_half(groups: int, expected: list[int]) -> None:
    assert [left_after(rung, groups) for rung in range(3)] == expected
