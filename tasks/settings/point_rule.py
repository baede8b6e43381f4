"""The rule by which one point of a search is chosen, as settings write it."""

import re
from dataclasses import dataclass

NUMBER = r"(\d+(?:\.\d+)?)"
MOST_ACCURATE = "most_accurate"
MOST_DIVERSE = re.compile(rf"most_diverse_within_{NUMBER}_percent_ndcg")
WITH_TIMES = re.compile(rf"most_accurate_with_{NUMBER}_times_catalogue_and_{NUMBER}_times_ild")
FORMS = (
    "most_accurate, most_diverse_within_N_percent_ndcg (such as most_diverse_within_1_percent_ndcg) or "
    "most_accurate_with_X_times_catalogue_and_Y_times_ild"
)


@dataclass(frozen=True)
class PointRule:
    """Which trial of a search is taken; get one from `parse`."""

    name: str
    slack: float = 0.0
    """The most varied trial is taken of those whose NDCG is within this share of the best."""
    catalogue: float | None = None
    """Where it is set: the most accurate is taken that has so many times the best matcher's catalogue..."""
    ild: float | None = None
    """... and so many times its ild."""

    @classmethod
    def parse(cls, name: str) -> "PointRule":
        """A rule by its name.

        >>> PointRule.parse("most_diverse_within_2.5_percent_ndcg").slack
        0.025
        >>> PointRule.parse("most_accurate_with_1.25_times_catalogue_and_1.1_times_ild").ild
        1.1

        Raises:
            ValueError: there is no such rule, or 100 percent or more would be given up.
        """
        if name == MOST_ACCURATE:
            return cls(name)
        if found := WITH_TIMES.fullmatch(name):
            return cls(name, catalogue=float(found[1]), ild=float(found[2]))
        if found := MOST_DIVERSE.fullmatch(name):
            if float(found[1]) >= 100:
                raise ValueError(f"{name!r} gives up all NDCG; name less than 100 percent")
            return cls(name, slack=float(found[1]) / 100)
        raise ValueError(f"there is no rule {name!r}; write {FORMS}")
