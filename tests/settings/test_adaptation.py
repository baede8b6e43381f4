"""What adaptation chose is applied in one place, and what a user names stays."""

from typing import Any

import pytest

from tasks.settings import Settings
from tasks.settings.adaptation import Choice, adapted, adapts

CHOICE = Choice(
    {"ials": {"unobserved": 0.1, "scaling": 0.5}, "ease": {"regularisation": 2000.0}}, ("sasrec",)
)


def settings(source: str = "files", **matching: Any) -> Settings:
    return Settings.model_validate({"data": {"source": source}, "matching": matching})


def test_the_choice_takes_the_place_of_defaults_and_matchers_are_left_out() -> None:
    found = adapted(settings(), CHOICE).matching
    assert (found.ials.unobserved, found.ials.scaling, found.ease.regularisation) == (0.1, 0.5, 2000.0)
    assert found.ials.factors == settings().matching.ials.factors
    assert "sasrec" not in found.matchers
    assert set(found.matchers) | {"sasrec"} == set(settings().matching.matchers)


def test_a_value_that_is_named_stays() -> None:
    found = adapted(settings(ials={"unobserved": 0.9}), CHOICE).matching.ials
    assert (found.unobserved, found.scaling) == (0.9, 0.5)


def test_matchers_that_are_named_are_left_out_too_but_never_all() -> None:
    assert adapted(settings(matchers=["ease", "sasrec"]), CHOICE).matching.matchers == ("ease",)
    assert adapted(settings(matchers=["sasrec"]), CHOICE).matching.matchers == ("sasrec",)


@pytest.mark.parametrize(
    ("source", "adapt", "expected"),
    [
        ("files", "auto", True),
        ("movielens-100k", "auto", False),
        ("movielens-100k", "on", True),
        ("files", "off", False),
    ],
)
def test_who_follows_it(source: str, adapt: str, expected: bool) -> None:
    one = settings(source, adapt=adapt)
    assert adapts(one) is expected
    assert (adapted(one, CHOICE) is one) is not expected
    assert adapted(one, None) is one
