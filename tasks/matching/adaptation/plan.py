"""What adaptation tries: for each matcher a fixed list of settings, sized by an estimate of the work.

Successive halving: all candidates are judged on a small sample, the better half of them on a larger one, and
so on (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
AISTATS 2016; Li et al., "Hyperband", JMLR 2018). Nothing here looks at a clock, so that the list is the same
on every machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np

from tasks.matching.adaptation.held_out import Size
from tasks.matching.base import MAX_ITEMS
from tasks.matching.contract import Parameter
from tasks.matching.registry import KINDS
from tasks.settings.adaptation import named
from tasks.settings.matching import Matching
from tasks.settings.section import Section
from tasks.settings.space import tried_of

# Matchers of items x items cost by items, so all users take part: what is best to regularise with depends on
# how many there are. The others cost by events.
DENSE = (Size(200_000, 1500, 300), Size(200_000, 2000, 600), Size(200_000, 3000, 1000))
OTHERS = (Size(8_000, 1500, 300), Size(16_000, 2500, 600), Size(40_000, 4000, 1000))
COMPARED = OTHERS[-1]  # what all matchers are compared on
COMPETING = ("ease", "ease_plain", "ials", "infinite_ae", "sasrec", "slit", "two_tower")
"""Matchers that learn from who did what, and of these alone: one that stays far behind adds noise."""
IS_DENSE = ("ease", "ease_plain", "infinite_ae", "slit")
# Seconds of one free processor of 2026: for a cell of items cubed, or for an event and epoch.
SECONDS = {
    "ease": 5e-11,
    "ease_plain": 5e-11,
    "infinite_ae": 1e-10,
    "slit": 1.5e-10,
    "ials": 1.5e-9,
    "sasrec": 3.1e-5,
    "two_tower": 2.6e-5,
}
SECONDS_PER_SOLVE = 4e-5  # of iALS: for a user or item and epoch, with 64 factors
SECONDS_PER_EVENT = 6e-6  # of counting what occurs together
SECONDS_PER_SCORE = 2e-8  # of judging: for an item and a judged user


@dataclass(frozen=True)
class Group:
    """Candidates that share a fit: they differ in how it is applied alone."""

    fitted: dict[str, Parameter]
    applied: list[dict[str, Parameter]]


@dataclass(frozen=True)
class MatcherPlan:
    """What is tried of one matcher; the first candidate of the first group is the settings as they are."""

    name: str
    groups: list[Group]

    @property
    def is_search(self) -> bool:
        """Whether there is anything beside the settings as they are."""
        return len(self.groups) > 1 or len(self.groups[0].applied) > 1

    @property
    def fits(self) -> int:
        """How many fits it takes, the one for the comparison of all matchers among them."""
        rungs = sizes_of(self.name)
        searched = sum(left_after(rung, len(self.groups)) for rung in range(len(rungs))) * self.is_search
        return searched + (rungs[-1] != COMPARED or not self.is_search)

    def to_json(self) -> dict[str, Any]:
        """As the file of the search keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "MatcherPlan":
        """What `to_json` made."""
        return cls(values["name"], [Group(**group) for group in values["groups"]])


def sizes_of(name: str) -> Sequence[Size]:
    """The samples of a matcher's rungs, the smallest first."""
    return DENSE if name in IS_DENSE else OTHERS


def left_after(rung: int, n_groups: int) -> int:
    """How many groups are judged on a rung: what is set and another one at least, where there are two."""
    return max(min(2, n_groups), -(-n_groups // 2**rung))


@dataclass(frozen=True)
class World:
    """How much there is to learn from."""

    users: int
    items: int
    events: int


def make_plan(matching: Matching, world: World, seed: int) -> list[MatcherPlan]:
    """The candidates of every matcher that has some, as many as the budget allows; the cheapest first."""
    whole = {name: groups for name in matching.matchers if (groups := _candidates(matching, name, seed))}
    costs = {name: _cost(matching, name, groups, world) for name, groups in whole.items()}
    left, plans = 60 * matching.adapt_minutes, []
    for done, name in enumerate(sorted(whole, key=lambda one: (costs[one], one))):
        share, groups = left / (len(whole) - done), whole[name]
        if world.items > MAX_ITEMS and name in IS_DENSE:
            continue
        while len(groups) > 1 and _cost(matching, name, groups, world) > share:
            groups = groups[:-1]
        left -= _cost(matching, name, groups, world)
        plans.append(MatcherPlan(name, groups))
    return plans


def open_settings(matching: Matching, name: str) -> dict[str, tuple[Parameter, ...]]:
    """A matcher's setting to the values that are tried: those that a user named are left as they are."""
    section: Section = getattr(matching, KINDS[name].section)
    tried = tried_of(type(section))
    kept = named(section)
    return {key: values for key, values in tried.items() if key not in kept}


def _candidates(matching: Matching, name: str, seed: int) -> list[Group]:
    """All combinations of what is tried, by fit: the settings as they are first, the others shuffled."""
    if name not in COMPETING:
        return []
    tried, kind = open_settings(matching, name), KINDS[name]
    as_set = getattr(matching, kind.section).model_dump()
    when_applied = [key for key in tried if key in kind.matcher.when_applied]
    when_fitted = [key for key in tried if key not in when_applied]
    fitted, applied = (
        _combinations({key: tried[key] for key in keys}, as_set) for keys in (when_fitted, when_applied)
    )
    order = np.random.default_rng(seed).permutation(len(fitted) - 1) + 1
    return [Group(fitted[place], applied) for place in (0, *order.tolist())]


def _combinations(
    tried: Mapping[str, Sequence[Parameter]], as_set: Mapping[str, Parameter]
) -> list[dict[str, Parameter]]:
    first = {key: as_set[key] for key in tried}
    found = [dict(zip(tried, values, strict=True)) for values in product(*tried.values())]
    return [first, *(one for one in found if one != first)]


def _cost(matching: Matching, name: str, groups: Sequence[Group], world: World) -> float:
    """Estimated seconds of all rungs, the last comparison among them."""
    rungs = [(size, left_after(rung, len(groups))) for rung, size in enumerate(sizes_of(name))]
    if name in IS_DENSE:
        rungs.append((COMPARED, 1))
    return sum(
        n_groups * float(np.mean([_fit_seconds(matching, name, one.fitted, size, world) for one in groups]))
        for size, n_groups in rungs
    )


def _fit_seconds(
    matching: Matching, name: str, values: Mapping[str, Parameter], size: Size, world: World
) -> float:
    """Estimated seconds of one fit and of judging it."""
    settings = {**getattr(matching, KINDS[name].section).model_dump(), **values}
    items, events = min(world.items, size.items), min(world.events, size.events)
    judging = SECONDS_PER_SCORE * size.judged * items
    if name in IS_DENSE:
        return SECONDS[name] * items**3 + SECONDS_PER_EVENT * events + judging
    seconds = SECONDS[name] * events * settings["epochs"]
    if name == "ials":
        rows = items + world.users * events / max(1, world.events)
        seconds *= settings["factors"] ** 2
        seconds += SECONDS_PER_SOLVE * rows * settings["epochs"] * (settings["factors"] / 64) ** 3
    return seconds + judging
