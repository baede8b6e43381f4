"""The main job in small worlds: it ends, and nobody's list holds what they had."""

from collections.abc import Callable

import pytest

from tests.flows.nights import lists_of
from tests.homes import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("case", ["user-who-has-everything"])
def test_lists_hold_nothing_twice_and_nothing_that_was_had(small: Callable[[str], Home], case: str) -> None:
    home = small(case)
    had = home.query("interactions").select("user_id", "item_id")
    lists = lists_of(home)
    assert lists.join(had, on=["user_id", "item_id"], how="semi").is_empty()
    assert not lists.select("user_id", "item_id").is_duplicated().any()


def test_a_user_who_has_everything_has_no_list_and_one_who_lacks_an_item_gets_it(
    small: Callable[[str], Home],
) -> None:
    lists = dict(lists_of(small("user-who-has-everything")).group_by("user_id").agg("item_id").rows())
    assert "all" not in lists
    assert lists["all-but-i07"] == ["i07"]
