"""What keeps an item out of a person's lists, whatever models say of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.rules.book import SEEN, RuleBook, read_rules
from tasks.settings import Settings
from warehouse.columns import ITEM
from warehouse.snapshot import Snapshot


class Cause(NamedTuple):
    """One of the things that keep an item out; `kind` is a word for programs."""

    kind: str
    says: str


ONLY_NEW = "lists hold new items only"
ARRANGING = ("bury", "cap")
"""Kinds of rules that push the items they are about down."""


class Rules:
    """Today's rules about one user and one item."""

    def __init__(self, snapshot: Snapshot, settings: Settings, user_id: str, item_id: str) -> None:
        """Read them."""
        everything = np.ones(snapshot.query("items").height, dtype=bool)
        self._book: RuleBook = read_rules(snapshot, settings, everything, strict=False)
        self._user: NDArray[np.int64] = np.array(list(self._book.user_ids).index(user_id))
        self._item: NDArray[np.int64] = np.array(list(self._book.item_ids).index(item_id))

    @property
    def any_seen(self) -> bool:
        """Whether whatever a user had is not shown again: so it is where no rule says what is."""
        return SEEN in self._book.seen

    @property
    def forbidding(self) -> list[tuple[str, str]]:
        """Name and kind of the hard rules that keep the item from the user."""
        rules = self._book.hard
        return [(one.name, one.kind) for one in rules if self._book.forbids(one, self._user, self._item)]

    @property
    def arranging(self) -> list[str]:
        """Names of the rules that push the item down."""
        rules = self._book.of_kind(*ARRANGING)
        return [one.name for one in rules if self._book.about(one, self._user, self._item)]


def _had(snapshot: Snapshot, user_id: str, item_id: str) -> list[Cause]:
    """Whether a user had an item, or saw it without interest."""
    if item_id in snapshot.query("past_items", user_id=user_id)[ITEM]:
        says = f"Already had: item {item_id!r} is in the history of user {user_id!r}, and {ONLY_NEW}."
        return [Cause("already had", says)]
    seen = snapshot.query("seen_only_of_user", user_id=user_id).filter(item_id=item_id)
    if seen.is_empty():
        return []
    why = seen["reason"][0] + ("" if seen["value"][0] is None else f", {seen['value'][0]:zg}")
    says = f"Seen without interest: user {user_id!r} had item {item_id!r} ({why}), and {ONLY_NEW}."
    return [Cause("seen only", says)]


def causes_of(
    snapshot: Snapshot, settings: Settings, rules: Rules, user_id: str, item: Mapping[str, Any]
) -> list[Cause]:
    """All that keeps an item (a row of the catalogue) from a user: the history, the catalogue, hard rules."""
    item_id, catalogue = item[ITEM], settings.catalogue
    name = f"item {item_id!r}"
    found: list[Cause] = []
    if rules.any_seen:
        found += _had(snapshot, user_id, item_id)
    if not item["active"]:
        says = f"Not active: {name} is no longer delivered, or its own column of the catalogue says so."
        found.append(Cause("inactive", says))
    if item_id in catalogue.blocked:
        found.append(Cause("blocked", f"Blocked: {name} stands under blocked in [catalogue]."))
    for category in sorted({*item["categories"]} & {*catalogue.excluded_categories}):
        says = f"Excluded: {name} is of the category {category!r} of excluded_categories in [catalogue]."
        found.append(Cause("excluded category", says))
    if not item["allowed"] and not any(one.kind in ("blocked", "excluded category") for one in found):
        says = f"Blocked: {name} was kept out by [catalogue] when it was last loaded; `polyrec run` again."
        found.append(Cause("blocked", says))
    if item["events"] < catalogue.min_interactions:
        says = f"{name} has {item['events']:,}, and min_interactions in [catalogue] is"
        found.append(Cause("min_interactions", f"Too few events: {says} {catalogue.min_interactions:,}."))
    for rule, kind in rules.forbidding:
        why = "; it is already had" if kind == "exclude_seen" else ""
        found.append(Cause("rule", f"The rule {rule!r} ({kind}) keeps {name} from user {user_id!r}{why}."))
    return found
