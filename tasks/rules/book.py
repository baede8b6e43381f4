"""The rules of a day beside the data that they speak of: which items and users each of them is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.sparse import csr_matrix

from tasks.arrays.codes import codes
from tasks.arrays.types import Flags
from tasks.items.recommendable import recommendable_items
from tasks.rules.targets import Columns, age_limits, cap_groups, item_targets, user_members
from tasks.run.fingerprint import fingerprint
from tasks.settings import Settings
from tasks.settings.rule_conflicts import AsWritten, contradiction, today
from tasks.settings.rules import Rule
from warehouse.columns import ALL, ITEM, USER
from warehouse.connection import Warehouse
from warehouse.errors import PolyrecError
from warehouse.sql import Reader

SEEN = "seen"
"""In the place of a rule of exclude_seen where there is none: whatever a user had is not shown again."""


@dataclass(frozen=True)
class RuleBook:
    """Rules that are valid on a day. User code -1, the last row of `members` and `ages`, is a visitor."""

    rules: tuple[Rule, ...]
    user_ids: Sequence[str]
    item_ids: Sequence[str]
    recommendable: Flags
    """(N,): the catalogue's own rules."""
    targets: Mapping[str, Flags]
    """By rule, (N,): which items it is about."""
    members: Mapping[str, Flags]
    """By rule, (U + 1,): which users it is for."""
    min_ages: Mapping[str, NDArray[np.float64]]
    """By rule of age_limit, (N,) years; NaN where there is no limit."""
    ages: NDArray[np.float64]
    """(U + 1,) years; NaN where not known."""
    groups: Mapping[str, NDArray[np.int64]]
    """By cap, (N, P): codes of the groups in which an item counts; -1 beyond them."""
    events: NDArray[np.int64]
    """(N,) how many events an item has."""
    seen: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    """By rule of exclude_seen, or else by "seen": sorted user * N + item of the events that exclude."""

    def of_kind(self, *kinds: str) -> list[Rule]:
        """The rules of these kinds."""
        return [rule for rule in self.rules if rule.kind in kinds]

    @property
    def hard(self) -> list[Rule]:
        """The rules that are never broken."""
        return [rule for rule in self.rules if rule.hard]

    @cached_property
    def by_popularity(self) -> NDArray[np.int64]:
        """(N,) item codes, those with the most events first, ties by code."""
        return np.argsort(-self.events, kind="stable")

    def about(self, rule: Rule, users: NDArray[np.integer], items: NDArray[np.integer]) -> Flags:
        """Whether a rule is about pairs: broadcast over codes of users and items."""
        return self.members[rule.name][users] & self.targets[rule.name][items]

    def forbids(self, rule: Rule, users: NDArray[np.integer], items: NDArray[np.integer]) -> Flags:
        """Whether a hard rule keeps items from users: broadcast over codes."""
        told = self.about(rule, users, items)
        if rule.kind == "exclude_seen":
            return told & self._has_seen(rule.name, users, items)
        if rule.kind == "age_limit":
            least, age = self.min_ages[rule.name][items], self.ages[users]
            unknown = np.isnan(age) & (rule.unknown_age != "allow")
            return told & (np.isinf(least) | (age < least) | (unknown & ~np.isnan(least)))
        return told

    def allowed(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> Flags:
        """Whether users may be shown items, by the catalogue and every hard rule: broadcast over codes."""
        shape = np.broadcast_shapes(users.shape, items.shape)
        free = np.broadcast_to(self.recommendable[items], shape).copy()
        for rule in self.hard:
            free &= ~self.forbids(rule, users, items)
        if SEEN in self.seen:
            free &= ~self._has_seen(SEEN, users, items)
        return free

    def excluded_events(self) -> csr_matrix:
        """(U, N) bool: by the rules of exclude_seen, what users had and are not shown again."""
        shape = (len(self.user_ids), len(self.item_ids))
        kept = []
        for rule in self.of_kind("exclude_seen"):
            users, items = np.divmod(self.seen[rule.name], shape[1])
            kept.append(self.seen[rule.name][self.about(rule, users, items)])
        users, items = np.divmod(np.unique(np.concatenate(kept)), shape[1])
        return csr_matrix((np.ones(len(users), dtype=bool), (users, items)), shape=shape)

    @property
    def fingerprint(self) -> str:
        """Of all that lists depend on beyond scores; empty without rules, the same until one changes."""
        if not self.rules:
            return ""
        arrays = (*self.targets.values(), *self.members.values(), *self.groups.values())
        ages = (*self.min_ages.values(), self.ages) if self.min_ages else ()
        told = [rule.model_dump(mode="json") for rule in self.rules]
        return fingerprint(told, [array.tobytes().hex() for array in (*arrays, *ages)])

    def _has_seen(self, name: str, users: NDArray[np.integer], items: NDArray[np.integer]) -> Flags:
        keys, wanted = self.seen[name], users.astype(np.int64) * len(self.item_ids) + items
        if not keys.size:
            return np.zeros(wanted.shape, dtype=bool)
        at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        return (keys[at] == wanted) & (users >= 0)


def read_rules(
    tables: Reader, settings: Settings, recommendable: Flags, day: date | None = None, strict: bool = True
) -> RuleBook:
    """The rules that are valid on a day (today, UTC, when None), beside the data.

    `recommendable` (N,) says which items lists may hold by the catalogue's own rules; `strict`, whether a
    column that there is not is an error.

    Raises:
        PolyrecError: rules contradict one another, or name a column that there is not.
    """
    day = day or today()
    rules = tuple(rule for rule in all_rules(tables, settings, day) if rule.state(day) == "active")
    items, users = tables.query("items_of_rules"), tables.query("users_of_rules")
    log = items.select(ITEM).join(tables.query("events_of_items"), on=ITEM, how="left", maintain_order="left")
    of_items = Columns(items, ("content", "attributes"), strict)
    of_users = Columns(users, ("profile",), strict)
    has_times = settings.data.source != "files" or settings.data.interactions.time is not None
    targets = {rule.name: item_targets(rule, of_items, log, has_times) for rule in rules}
    book = RuleBook(
        rules,
        of_users.ids,
        of_items.ids,
        recommendable,
        targets,
        {rule.name: np.append(user_members(rule, of_users), not rule.about_users) for rule in rules},
        {rule.name: age_limits(rule, of_items) for rule in rules if rule.kind == "age_limit"},
        np.append(users["age"].cast(pl.Float64).fill_null(float("nan")).to_numpy(), np.nan),
        {rule.name: cap_groups(rule, of_items, targets[rule.name]) for rule in rules if rule.kind == "cap"},
        log["events"].fill_null(0).to_numpy().astype(np.int64),
        _seen(tables, rules, of_users.ids, of_items.ids),
    )
    _check_catalogue(book, settings, items)
    if why := contradiction(rules, InData(book), day):
        raise PolyrecError(why)
    return book


def check_rules(warehouse: Warehouse, settings: Settings, strict: bool = True) -> RuleBook:
    """Today's rules beside the warehouse's data; raises as `read_rules` does."""
    return read_rules(warehouse, settings, recommendable_items(warehouse, settings, ALL), strict=strict)


def excluded_events(warehouse: Warehouse, settings: Settings) -> csr_matrix | None:
    """(U, N) bool: what users had and are not shown again; None where that is all that they had."""
    told = [rule for rule in all_rules(warehouse, settings) if rule.kind == "exclude_seen"]
    if not any(rule.state(today()) == "active" for rule in told):
        return None
    return check_rules(warehouse, settings).excluded_events()


def all_rules(tables: Reader, settings: Settings, day: date | None = None) -> list[Rule]:
    """The rules of the settings, then those of the table by name, whenever they are valid.

    They must agree from a day on: today (UTC) when None.

    Raises:
        PolyrecError: two of them contradict one another as they are written, or a pin is beyond the lists.
    """
    rules = [*settings.fusion.rules, *loaded_rules(tables)]
    if why := contradiction(rules, AsWritten(), day or today()):
        raise PolyrecError(why)
    length = settings.fusion.list_length
    if beyond := [rule for rule in rules if rule.rank and rule.rank > length]:
        raise PolyrecError(
            f"rule {beyond[0].name!r} pins to rank {beyond[0].rank}, and lists have {length}; "
            "give a smaller rank, or raise list_length in [fusion]"
        )
    return rules


def loaded_rules(tables: Reader) -> list[Rule]:
    """The rules of the table serving.rules, by name, but for those whose users were all forgotten."""
    rows = [row for row in tables.query("rules").to_dicts() if row["users"] or not row["for_users"]]
    return [rule_of(row, "the table serving.rules") for row in rows]


def rule_of(row: Mapping[str, object], where: str) -> Rule:
    """A rule from its keys; what is null or an empty list is not set.

    Raises:
        PolyrecError: it is no rule; the message says where it is from.
    """
    values = {key: value for key, value in row.items() if value is not None and value != []}
    try:
        return Rule.model_validate({key: value for key, value in values.items() if key in Rule.model_fields})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or f"rule {row.get('name')!r}"
        raise PolyrecError(f"{where}: {key}: {first['msg']}; see [[fusion.rules]] in polyrec.toml") from None


class InData:
    """How the targets of rules lie to one another in the catalogue: a `Meeting`."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book

    def items_meet(self, a: Rule, b: Rule) -> bool:
        """Whether both have a target in common."""
        return bool((self._items(a) & self._items(b)).any())

    def covers(self, a: Rule, b: Rule) -> bool:
        """Whether a has all targets of b, which has some."""
        wanted = self._items(b)
        return bool(wanted.any() and not (wanted & ~self._items(a)).any())

    def users_meet(self, a: Rule, b: Rule) -> bool:
        """Whether both are for one user."""
        return bool((self._book.members[a.name] & self._book.members[b.name]).any())

    def _items(self, rule: Rule) -> Flags:
        told = self._book.targets[rule.name]
        return told & (self._book.groups[rule.name] >= 0).any(axis=1) if rule.kind == "cap" else told


def _check_catalogue(book: RuleBook, settings: Settings, items: pl.DataFrame) -> None:
    """Refuse to pin what [catalogue] keeps out."""
    excluded = set(settings.catalogue.excluded_categories)
    for rule in book.of_kind("pin"):
        for place in np.flatnonzero(book.targets[rule.name]):
            if rule.items[0] in settings.catalogue.blocked:
                key = "blocked"
            elif excluded.intersection(items["categories"][int(place)]):
                key = "excluded_categories"
            else:
                continue
            raise PolyrecError(
                f"rule {rule.name!r} and {key} in [catalogue] contradict one another: item "
                f"{rule.items[0]!r} is pinned by one and kept out by the other; change one of them"
            )


def _seen(
    tables: Reader, rules: Sequence[Rule], user_ids: Sequence[str], item_ids: Sequence[str]
) -> dict[str, NDArray[np.int64]]:
    """By rule of exclude_seen, or by "seen" where there is none, the events that exclude."""
    told = {rule.name: rule.event_types for rule in rules if rule.kind == "exclude_seen"} or {SEEN: ()}
    events = tables.query("seen_events")
    keys = codes(events[USER], user_ids) * len(item_ids) + codes(events[ITEM], item_ids)
    types = events["event_type"]
    return {
        name: np.unique(keys[types.is_in(list(kinds)).fill_null(False).to_numpy()] if kinds else keys)
        for name, kinds in told.items()
    }
