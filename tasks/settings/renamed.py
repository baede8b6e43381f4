"""Names that settings had in older versions: whoever uses one is told what to write in its place."""

import re

from warehouse.saved_matchers import EASE, MATCHERS, PARAMETERS

KEYS = {
    f"matching.{section}.{old}": f"matching.{section}.{new}"
    for section in EASE
    for old, new in PARAMETERS.items()
}
"""Keys whose values mean the same under another name."""
MOST_ACCURATE = "most_accurate"
_N = r"(\d+(?:\.\d+)?)"
_LOSS = re.compile(rf"most_diverse_within_{_N}_percent_ndcg")
_RATIOS = re.compile(rf"most_accurate_with_{_N}_times_catalogue_and_{_N}_times_ild")


def replacement(key: str, value: object) -> dict[str, object]:
    """What to write in the place of a key of an older version; empty for any other key.

    A value is None where that of the old key has no equal.

    >>> replacement("matching.ease.nearness", 0.5)
    {'matching.ease.temporal_co_occurrence': 0.5}
    >>> replacement("fusion.choose", "most_diverse_within_2.5_percent_ndcg")
    {'fusion.max_ndcg_loss': 0.025}
    >>> replacement("fusion.choose_diverse", "most_accurate_with_1.25_times_catalogue_and_1.1_times_ild")
    {'fusion.diverse_catalogue_ratio': 1.25, 'fusion.diverse_ild_ratio': 1.1}
    """
    if key in KEYS:
        return {KEYS[key]: value}
    if key == "fusion.choose":
        found = _LOSS.fullmatch(str(value))
        none = 0.0 if value == MOST_ACCURATE else None
        return {"fusion.max_ndcg_loss": round(float(found[1]) / 100, 9) if found else none}
    if key == "fusion.choose_diverse":
        found = _RATIOS.fullmatch(str(value))
        none = 0.0 if value == MOST_ACCURATE else None
        ratios = (float(found[1]), float(found[2])) if found else (none, none)
        return dict(zip(("fusion.diverse_catalogue_ratio", "fusion.diverse_ild_ratio"), ratios, strict=True))
    return {}


def renamed_matcher(name: str) -> str | None:
    """What a matcher of an older version is called today, in words; None for any other name."""
    return f"matcher {name!r} is called {MATCHERS[name]!r} now; write that" if name in MATCHERS else None
