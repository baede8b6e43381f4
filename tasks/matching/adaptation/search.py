"""The search: all candidates on a small sample, the better half on a larger one, the best beside what is set.

What was judged is a line of a file each, so that a search that was killed goes on and ends as one that was
not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.arrays.types import Floats
from tasks.matching.adaptation.held_out import HeldOut, Size
from tasks.matching.adaptation.plan import COMPARED, Group, MatcherPlan, left_after, sizes_of
from tasks.matching.base import ArrayMatcher
from tasks.matching.contract import Parameter
from tasks.matching.registry import build, with_values
from tasks.matching.validation import UNFIT, Validation
from tasks.run.study import TrialFile
from tasks.settings.matching import Matching

STANDARD_ERRORS = 1.0  # by so many a candidate must be above what is set, on the same users


@dataclass(frozen=True)
class Judged:
    """A candidate that was judged on one rung."""

    matcher: str
    rung: int
    parameters: dict[str, Parameter]
    as_set: bool
    ndcg: Floats
    """(V,) of each judged user; empty where it could not be fitted."""
    fit_seconds: float

    @property
    def value(self) -> float:
        """Its mean NDCG; 0 where it could not be fitted."""
        return float(self.ndcg.mean()) if len(self.ndcg) else 0.0


@dataclass(frozen=True)
class Found:
    """What the search of one matcher found."""

    name: str
    chosen: dict[str, Parameter]
    """The settings that were tried, with the values that it keeps."""
    as_set: dict[str, Parameter]
    ndcg: float
    """Of the chosen ones, on the last rung."""
    as_set_ndcg: float
    compared: float
    """Of the chosen ones, on the sample that all matchers are compared on."""

    @property
    def changed(self) -> dict[str, Parameter]:
        """The settings whose value is another than that which was set."""
        return {key: value for key, value in self.chosen.items() if value != self.as_set[key]}


class Search:
    """One adaptation, from its plan to what each matcher is worth."""

    def __init__(
        self,
        held_out: HeldOut,
        matching: Matching,
        k: int,
        file: TrialFile,
        on_judged: Callable[[list[Judged]], None] = lambda _: None,
    ) -> None:
        self._held_out, self._matching, self._k, self._file = held_out, matching, k, file
        self._on_judged, self._samples = on_judged, dict[Size, Validation]()
        self._known = {_key(row): row for row in file.known if "matcher" in row}

    def run(self, plan: MatcherPlan) -> Found:
        """Halve a matcher's candidates rung by rung, then judge the chosen one as all matchers are."""
        first, rungs = plan.groups[0], sizes_of(plan.name)
        best = as_set = None
        groups = plan.groups if plan.is_search else []
        for rung, size in enumerate(rungs if groups else ()):
            judged = [self._judge(plan, rung, size, group) for group in groups]
            as_set = judged[0][0]
            best = max((one for of in judged for one in of), key=lambda one: one.value)
            places = sorted(range(1, len(groups)), key=lambda at: -max(one.value for one in judged[at]))
            kept = sorted([0, *places[: left_after(rung + 1, len(plan.groups)) - 1]])
            groups = [groups[place] for place in kept]
        if best is None or as_set is None or not _is_above(best, as_set):
            best = as_set  # of equal ones, too
        if best is None or rungs[-1] != COMPARED:
            parameters = {**first.fitted, **first.applied[0]} if best is None else best.parameters
            one = Group(
                {key: parameters[key] for key in first.fitted},
                [{key: parameters[key] for key in first.applied[0]}],
            )
            compared = self._judge(plan, len(rungs), COMPARED, one)[0]
        else:
            compared = best
        best, as_set = best or compared, as_set or compared
        return Found(plan.name, best.parameters, as_set.parameters, best.value, as_set.value, compared.value)

    def _judge(self, plan: MatcherPlan, rung: int, size: Size, group: Group) -> list[Judged]:
        """Fit once and judge every way of applying it; or what the file says of that."""
        key = {"matcher": plan.name, "rung": rung, "fitted": group.fitted, "applied": group.applied}
        row = self._known.get(_key(key))
        if row is None:
            row = key | self._row(plan.name, size, group)
            self._file.add(row)
        first = plan.groups[0]
        found = [
            Judged(
                plan.name,
                rung,
                {**group.fitted, **applied},
                {**group.fitted, **applied} == {**first.fitted, **first.applied[0]},
                np.array(ndcg, dtype=np.float64),
                row["fit_seconds"],
            )
            for applied, ndcg in zip(group.applied, row["ndcg"], strict=True)
        ]
        self._on_judged(found)
        return found

    def _row(self, name: str, size: Size, group: Group) -> dict[str, Any]:
        judge, fitted, values = self._sample(size), None, list[list[float]]()
        seconds = 0.0
        try:
            for applied in group.applied:
                settings = with_values(self._matching, name, {**group.fitted, **applied})
                matcher = build(name, settings)
                assert isinstance(matcher, ArrayMatcher)
                if fitted is None:
                    figures = judge(matcher)
                    fitted, seconds = matcher, figures.fit_seconds
                    values.append(figures.ndcg.tolist())
                else:
                    other = fitted.applied_with(matcher.settings, judge.data)
                    values.append(judge.ndcg(other).tolist())
        except UNFIT:
            values = [[] for _ in group.applied]
        return {"ndcg": values, "fit_seconds": seconds}

    def _sample(self, size: Size) -> Validation:
        if size not in self._samples:
            block = self._matching.block_users
            self._samples[size] = self._held_out.sample(size, self._k, block)
        return self._samples[size]


def _is_above(one: Judged, as_set: Judged) -> bool:
    """Whether a candidate is better than what is set by more than noise, paired on the same users."""
    if one.value <= as_set.value:
        return False
    if not len(as_set.ndcg):
        return True
    difference = one.ndcg - as_set.ndcg
    return bool(difference.mean() > STANDARD_ERRORS * difference.std() / np.sqrt(len(difference)))


def _key(row: Mapping[str, Any]) -> str:
    return repr((row["matcher"], row["rung"], row["fitted"], row["applied"]))


def left_out(found: Sequence[Found], least_share: float) -> tuple[str, ...]:
    """Names of the matchers whose NDCG is below a share of the best one's."""
    best = max((one.compared for one in found), default=0.0)
    if best <= 0:
        return ()  # nobody is ahead
    return tuple(sorted(one.name for one in found if one.compared < least_share * best))
