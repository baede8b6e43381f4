"""Rules that contradict one another: told before anything runs, with both names."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import combinations
from typing import Protocol

from tasks.settings.rules import Rule

AGAIN = "change one of them, or let them be valid on different days"


class Meeting(Protocol):
    """How the targets of two rules lie to one another."""

    def items_meet(self, a: Rule, b: Rule) -> bool:
        """Whether an item is a target of both."""
        ...

    def covers(self, a: Rule, b: Rule) -> bool:
        """Whether every target of b is one of a, and b has one."""
        ...

    def users_meet(self, a: Rule, b: Rule) -> bool:
        """Whether both are for one user."""
        ...


class AsWritten:
    """What is sure from the rules alone, before there are any items."""

    def items_meet(self, a: Rule, b: Rule) -> bool:
        """Whether ids are shared, the conditions are the same, or one is about all items."""
        if _only_ids(a) and _only_ids(b):
            return not set(a.items).isdisjoint(b.items)
        return not a.about_items or not b.about_items or _target(a) == _target(b)

    def covers(self, a: Rule, b: Rule) -> bool:
        """Whether a is about all items, or about b's ids and more, or the conditions are the same."""
        if _only_ids(a) and _only_ids(b):
            return set(a.items) >= set(b.items)
        return not a.about_items or _target(a) == _target(b)

    def users_meet(self, a: Rule, b: Rule) -> bool:
        """Whether one is for all users, or ids are shared, or both are for the same group."""
        if not a.about_users or not b.about_users:
            return True
        if a.user_column is None and b.user_column is None:
            return not set(a.users).isdisjoint(b.users)
        return _group(a) == _group(b)


def today() -> date:
    """The day that validity is about: UTC."""
    return datetime.now(UTC).date()


def contradiction(rules: Sequence[Rule], meeting: Meeting, since: date) -> str | None:
    """The first two rules that cannot both be obeyed, in words; None where there are none.

    What contradicted one another on days before `since` is past and forgiven.
    """
    names = [rule.name for rule in rules]
    if twice := [name for name in names if names.count(name) > 1]:
        return f"two rules are called {twice[0]!r}; give each a name of its own"
    for a, b in combinations(rules, 2):
        if _valid_together(a, b, since) and meeting.users_meet(a, b):
            why = _why(a, b, meeting) or _why(b, a, meeting)
            if why:
                return f"rules {a.name!r} and {b.name!r} contradict one another: {why}; {AGAIN}"
    return None


def _why(a: Rule, b: Rule, meeting: Meeting) -> str | None:
    """Why a cannot be obeyed beside b."""
    # Of rules that keep items out, only those that name some: what a column of stock says changes daily.
    match a.kind, b.kind:
        case "pin", "pin":
            if a.rank == b.rank and a.items != b.items:
                return f"both pin an item to rank {a.rank}"
            if a.rank != b.rank and a.items == b.items:
                return f"they pin item {a.items[0]!r} to rank {a.rank} and to rank {b.rank}"
        case "pin", ("block" | "out_of_stock") if b.about_items and meeting.items_meet(a, b):
            return f"item {a.items[0]!r} is pinned by one and kept out by the other"
        case "pin", "cap" if b.at_most == 0 and (a.rank or 0) <= b.n_first and meeting.items_meet(a, b):
            return f"item {a.items[0]!r} is pinned by one and capped at 0 by the other"
        case "new_share", "cap" if b.at_most == 0 and b.n_first >= a.n_first and meeting.covers(b, a):
            return "one wants new items where the other caps all of them at 0"
        case "new_share", ("block" | "out_of_stock") if b.about_items and meeting.covers(b, a):
            return "one wants new items where the other keeps all of them out"
        case "boost", "bury" if meeting.items_meet(a, b):
            return "one boosts what the other buries"
    return None


def _valid_together(a: Rule, b: Rule, since: date) -> bool:
    begin = max(a.valid_from or since, b.valid_from or since, since)
    return begin <= min(a.valid_until or date.max, b.valid_until or date.max)


def _only_ids(rule: Rule) -> bool:
    return bool(rule.items) and not rule.categories and not rule.column


def _target(rule: Rule) -> tuple[object, ...]:
    return set(rule.items), set(rule.categories), rule.column, set(rule.values)


def _group(rule: Rule) -> tuple[object, ...]:
    return set(rule.users), rule.user_column, set(rule.user_values)
