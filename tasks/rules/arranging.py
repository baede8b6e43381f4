"""Lists put together under pins, caps and shares of new items: greedily, place by place, many at once."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.types import Codes, Flags
from tasks.rules.book import RuleBook
from tasks.settings.rules import Rule

Counts = NDArray[np.int64]


class Arranged(NamedTuple):
    """Lists as columns of what was to choose from."""

    columns: Counts
    """(B, k), -1 padded."""
    moved: dict[str, Flags]
    """By rule, (B, k): whether it put the item where it stands."""
    met: Flags
    """(B,) whether each list is as long as wanted, and within every cap and share."""


def arrange(book: RuleBook, users: Codes, items: Codes, wanted: Counts, k: int) -> Arranged:
    """Fill every list place by place with the first item that rules let stand there.

    A pinned item stands at its rank, or last in a list that is shorter. A cap makes items wait until its
    first ranks are over. A share of new items takes the last of its first ranks, if too few come by
    themselves. Where nothing is left that all of them let stand, shares give way, then caps.

    Users (B,) and items (B, W) are codes: of what each user may be shown, best first; -1 is passed over.
    `wanted` (B,) is how many items each list has, if there are so many, and at most k.
    """
    state = _State(book, users, items, wanted, k)
    for place in range(state.depth):
        state.fill(place)
    state.fill_rest()
    return state.result()


@dataclass
class _Cap:
    rule: Rule
    groups: Counts  # (B, W, P)
    counts: Counts  # (B, G + 1), the last one of what is in no group
    waited: Flags  # (B, W)
    kept: Flags  # (B,)

    def full(self, place: int) -> Flags | None:
        """(B, W) what would be one too many; None beyond the first ranks."""
        if place >= self.rule.n_first:
            return None
        counts = self.counts[np.arange(len(self.groups))[:, None, None], self.groups]  # (B, W, P)
        return np.any((self.groups >= 0) & (counts >= (self.rule.at_most or 0)), axis=2)

    def count(self, rows: Counts, columns: Counts) -> None:
        """Count items that stand among the first ranks."""
        np.add.at(self.counts, (rows[:, None], self.groups[rows, columns]), 1)


@dataclass
class _Share:
    rule: Rule
    is_new: Flags  # (B, W)
    short: Counts  # (B,) new items still to come
    kept: Flags  # (B,)


def new_items(rule: Rule, length: Counts) -> Counts:
    """(B,) how many new items the first ranks of lists of some lengths must have."""
    # Less a hair: 0.3 of 10 is 3, whatever the rounding.
    return np.ceil((rule.share or 0) * np.minimum(rule.n_first, length) - 1e-9).astype(np.int64)


class _State:
    """Lists that are being filled."""

    def __init__(self, book: RuleBook, users: Codes, items: Codes, wanted: Counts, k: int) -> None:
        self.items, self.wanted, self.k = items, wanted, k
        self.rows = np.arange(len(items))
        self.free = items >= 0
        self.columns = np.full((len(items), k), -1, dtype=np.int64)
        soft = [rule.name for rule in book.rules if not rule.hard]
        self.moved = {name: np.zeros((len(items), k), dtype=bool) for name in soft}
        self.pin = np.full((len(items), k), -1, dtype=np.int64)  # the column pinned to a place
        self._pin(book, users)
        people = users[:, None]
        self.caps = []
        for rule in book.of_kind("cap"):
            of_items = np.where(self.free & book.about(rule, people, items), 0, -1)[:, :, None]
            groups = np.where(of_items < 0, -1, book.groups[rule.name][items])
            counts = np.zeros((len(items), int(book.groups[rule.name].max(initial=-1)) + 2), dtype=np.int64)
            kept = np.ones(len(items), dtype=bool)
            self.caps.append(_Cap(rule, groups, counts, np.zeros(items.shape, dtype=bool), kept))
        self.shares = []
        for rule in book.of_kind("new_share"):
            is_new = self.free & book.about(rule, people, items)
            quota = new_items(rule, wanted) * book.members[rule.name][users]
            self.shares.append(_Share(rule, is_new, quota, np.ones(len(items), dtype=bool)))
        pinned = np.zeros(items.shape, dtype=bool)
        for place in range(k):
            rows = np.flatnonzero(self.pin[:, place] >= 0)
            if rows.size:
                pinned[rows, self.pin[rows, place]] = True
                self._count(rows, self.pin[rows, place], place)
        self.free &= ~pinned
        ranks = [rule.n_first for rule in book.of_kind("cap", "new_share")]
        ranks += [rule.rank or 0 for rule in book.of_kind("pin")]
        self.depth = min(max(ranks, default=0), k)

    def _pin(self, book: RuleBook, users: Codes) -> None:
        """Reserve places; of two that meet at the end of a short list, the one with the lower rank stands."""
        for rule in sorted(book.of_kind("pin"), key=lambda rule: rule.rank or 0):
            is_it = self.free & book.about(rule, users[:, None], self.items)
            place = np.minimum(min(rule.rank or 1, self.k), self.wanted) - 1
            rows = np.flatnonzero(is_it.any(axis=1) & (place >= 0))
            rows = rows[self.pin[rows, place[rows]] < 0]
            self.pin[rows, place[rows]] = is_it[rows].argmax(axis=1)
            self.moved[rule.name][rows, place[rows]] = True

    def fill(self, place: int) -> None:
        """Choose the item of a place in every list that is long enough."""
        within = self.free
        for cap in self.caps:
            if (full := cap.full(place)) is not None:
                within = within & ~full
        wanted, forced = within, np.zeros(len(self.items), dtype=bool)
        for share in self.shares:
            must = self._must_be_new(share, place)
            wanted = wanted & (share.is_new | ~must[:, None])
            forced |= must
        # The best that all let stand; or else within the caps alone; or else whatever is left.
        chosen = _first(wanted)
        chosen = np.where(chosen < 0, _first(within), chosen)
        chosen = np.where(chosen < 0, _first(self.free), chosen)
        is_pinned = self.pin[:, place] >= 0
        chosen = np.where(is_pinned, self.pin[:, place], chosen)
        rows = np.flatnonzero((place < self.wanted) & (chosen >= 0))
        columns, by_rank = chosen[rows], ~is_pinned[rows]
        for share in self.shares:
            early = (share.is_new[rows, columns] & forced[rows] & by_rank) & (columns != _first(within)[rows])
            self.moved[share.rule.name][rows[early], place] = True
        for cap in self.caps:
            if (full := cap.full(place)) is not None:
                passed = full[rows] & self.free[rows] & (np.arange(self.items.shape[1]) < columns[:, None])
                cap.waited[rows] |= passed & by_rank[:, None]
                cap.kept[rows] &= ~(full[rows, columns] & by_rank)
        self.columns[rows, place] = columns
        self.free[rows, columns] = False
        self._count(rows[by_rank], columns[by_rank], place)

    def fill_rest(self) -> None:
        """Beyond the ranks that rules are about, what is left follows in its order."""
        left = np.argsort(~self.free, axis=1, kind="stable")[:, : self.k - self.depth]
        left = np.where(np.take_along_axis(self.free, left, axis=1), left, -1)
        places = self.depth + np.arange(left.shape[1])
        self.columns[:, places] = np.where(places < self.wanted[:, None], left, -1)

    def result(self) -> Arranged:
        """The lists, closed up."""
        length = (self.columns >= 0).sum(axis=1)
        met = length >= np.minimum(self.wanted, self.k)
        taken = np.maximum(self.columns, 0)
        for cap in self.caps:
            waited = np.take_along_axis(cap.waited, taken, axis=1) & (self.columns >= 0)
            self.moved[cap.rule.name] |= waited
            met &= cap.kept
        for share in self.shares:
            met &= share.short <= 0
        gaps = np.argsort(self.columns < 0, axis=1, kind="stable")  # where a list ended before a pinned item
        moved = {name: np.take_along_axis(told, gaps, axis=1) for name, told in self.moved.items()}
        return Arranged(np.take_along_axis(self.columns, gaps, axis=1), moved, met)

    def _must_be_new(self, share: _Share, place: int) -> Flags:
        """(B,) whether every place that is left of the first ranks must have a new item."""
        end = np.minimum(share.rule.n_first, self.wanted)
        places = np.arange(self.k)
        left = ((self.pin < 0) & (places >= place) & (places < end[:, None])).sum(axis=1)
        return (place < end) & (share.short > 0) & (share.short >= left)

    def _count(self, rows: Counts, columns: Counts, place: int) -> None:
        """Let caps and shares know of items that stand at a place."""
        for cap in self.caps:
            if place < cap.rule.n_first:
                cap.count(rows, columns)
        for share in self.shares:
            if place < share.rule.n_first:
                share.short[rows] -= share.is_new[rows, columns]


def _first(told: Flags) -> Counts:
    """(B,) the first column that is set in each row, -1 where none is."""
    if not told.shape[1]:
        return np.full(len(told), -1, dtype=np.int64)
    return np.where(told.any(axis=1), told.argmax(axis=1), -1)
