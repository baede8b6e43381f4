import pytest

from tasks.settings.fusion import Fusion
from tasks.settings.point_rule import PointRule


def test_rules_by_name() -> None:
    assert PointRule.parse("most_accurate").slack == 0
    assert PointRule.parse("most_diverse_within_1_percent_ndcg").slack == 0.01
    rule = PointRule.parse("most_accurate_with_1.25_times_catalogue_and_1.1_times_ild")
    assert (rule.catalogue, rule.ild) == (1.25, 1.1)


@pytest.mark.parametrize(
    "name", ["best", "most_diverse_within_100_percent_ndcg", "most_diverse_within__ndcg"]
)
def test_what_is_no_rule_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="most_diverse_within"):
        Fusion(choose=name)
