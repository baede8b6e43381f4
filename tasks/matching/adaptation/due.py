"""Whether settings have to be adapted to the data: the rule, from counts alone."""

from collections.abc import Mapping, Sequence
from typing import Any

COUNTED = ("users", "items", "events")
FIRST, ASKED = "first run", "asked for"


def why_due(
    kept: Mapping[str, Any] | None,
    counts: Mapping[str, int],
    matchers: Sequence[str],
    change: float,
    asked: bool,
) -> str | None:
    """Why a search is due; None when the kept choice stands.

    Args:
        kept: the last adaptation, with its counts and its matchers; None before the first.
        counts: `users`, `items` and `events` as they are now.
        matchers: names of those that there is something to adapt of.
        change: the share by which a count may have changed since.
        asked: whether somebody asked for a search.

    >>> kept = {"users": 100, "items": 50, "events": 900, "matchers": ["ease"]}
    >>> why_due(kept, {"users": 149, "items": 50, "events": 900}, ["ease"], 0.5, False)
    >>> why_due(kept, {"users": 151, "items": 50, "events": 900}, ["ease"], 0.5, False)
    '100 users have become 151'
    """
    if kept is None:
        return FIRST
    if asked:
        return ASKED
    for name in COUNTED:
        before, now = kept[name], counts[name]
        if abs(now - before) > change * before:
            return f"{before:,} {name} have become {now:,}"
    if new := [name for name in matchers if name not in kept["matchers"]]:
        return f"{', '.join(new)} came to the matchers"
    return None
