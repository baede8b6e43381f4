"""Business rules: what lists must not hold, and what is moved in them."""

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from tasks.settings.section import Section

Kind = Literal[
    "exclude_seen", "block", "out_of_stock", "age_limit", "pin", "boost", "bury", "cap", "new_share"
]
HARD: tuple[Kind, ...] = ("exclude_seen", "block", "out_of_stock", "age_limit")
"""Kinds that are never broken."""

# Keys that belong to some kinds only; the first tuple must be given there.
NEEDED: dict[Kind, tuple[str, ...]] = {
    "pin": ("rank",),
    "boost": ("strength",),
    "bury": ("strength",),
    "cap": ("at_most",),
    "new_share": ("share",),
}
ALLOWED: dict[Kind, tuple[str, ...]] = {
    "exclude_seen": ("event_types",),
    "age_limit": ("min_age", "unknown_age"),
    "cap": ("per", "first"),
    "new_share": ("days", "first"),
}
OWN_KEYS = {key for keys in (*NEEDED.values(), *ALLOWED.values()) for key in keys}
OF_EVERY_ITEM: tuple[Kind, ...] = ("exclude_seen", "new_share")  # what they are about when no target is given
OF_A_COLUMN: tuple[Kind, ...] = ("out_of_stock", "age_limit")  # a column without values tells of each item


class Rule(Section):
    """A rule about published lists; of its target, all that is given must hold."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$")
    """What it is called: recorded with every list row that it moved."""
    kind: Kind
    """exclude_seen, block, out_of_stock, age_limit, pin, boost, bury, cap, or new_share."""
    items: tuple[str, ...] = ()
    """Target: items with these ids."""
    categories: tuple[str, ...] = ()
    """Target: items of one of these categories."""
    column: str | None = None
    """Target: a column of the item table; alone, it says what is left, or which age an item is for."""
    values: tuple[str, ...] = ()
    """Target: items that have one of these values in that column."""
    users: tuple[str, ...] = ()
    """Only for users with these ids."""
    user_column: str | None = None
    """Only for a group of users: a column of the user table."""
    user_values: tuple[str, ...] = ()
    """Only for users who have one of these values in that column."""
    event_types: tuple[str, ...] = ()
    """exclude_seen: only events of these types exclude; all do when not set."""
    min_age: int | None = Field(default=None, ge=0, le=150)
    """age_limit: users must be so old for the target; without it, the item's column says how old."""
    unknown_age: Literal["exclude", "allow"] | None = None
    """age_limit: what holds for users whose age is not known; exclude when not set."""
    rank: int | None = Field(default=None, ge=1, le=1000)
    """pin: the rank at which the one item of `items` stands."""
    strength: float | None = Field(default=None, gt=0, le=100)
    """boost, bury: so many standard deviations of the fused scores of the user's candidates."""
    at_most: int | None = Field(default=None, ge=0)
    """cap: so many items at most among the first ranks."""
    per: str | None = None
    """cap: each value of this column is counted by itself: `categories`, or a column such as a brand."""
    share: float | None = Field(default=None, gt=0, le=1)
    """new_share: at least this share of the first ranks are new items."""
    days: int | None = Field(default=None, ge=1)
    """new_share: new are items without events, or whose first is at most so old; 30 when not set."""
    first: int | None = Field(default=None, ge=1, le=1000)
    """cap, new_share: the rule is about the first so many ranks; 10 when not set."""
    valid_from: date | None = None
    """The first day (UTC) on which it applies."""
    valid_until: date | None = None
    """The last day (UTC) on which it applies."""

    @property
    def hard(self) -> bool:
        """Whether it is never broken."""
        return self.kind in HARD

    @property
    def n_first(self) -> int:
        """The ranks that a cap or a share is about."""
        return self.first or 10

    @property
    def n_days(self) -> int:
        """How long an item is new."""
        return self.days or 30

    @property
    def about_items(self) -> bool:
        """Whether it names a target: without one it is about all items."""
        return bool(self.items or self.categories or self.values)

    @property
    def about_users(self) -> bool:
        """Whether it is for some users only."""
        return bool(self.users or self.user_column)

    def state(self, day: date) -> Literal["active", "expired", "future"]:
        """What it is on a day."""
        if self.valid_from and day < self.valid_from:
            return "future"
        return "expired" if self.valid_until and day > self.valid_until else "active"

    @model_validator(mode="after")
    def _is_whole(self) -> "Rule":
        """Refuse a rule that lacks a key of its kind, or has another kind's."""
        told = f"rule {self.name!r} ({self.kind})"
        needed = NEEDED.get(self.kind, ())
        if missing := [key for key in needed if getattr(self, key) is None]:
            raise ValueError(f"{told} needs {missing[0]}; set it")
        own = {*needed, *ALLOWED.get(self.kind, ())}
        if strange := sorted(key for key in OWN_KEYS - own if getattr(self, key) not in (None, ())):
            raise ValueError(f"{told} has no {strange[0]}; take it out, or choose another kind")
        alone = self.kind in OF_A_COLUMN and self.min_age is None
        if bool(self.column) != bool(self.values) and not (self.column and alone):
            raise ValueError(f"{told}: column and values go together; give both, or neither")
        if bool(self.user_column) != bool(self.user_values):
            raise ValueError(f"{told}: user_column and user_values go together; give both, or neither")
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError(
                f"{told} is valid until {self.valid_until}, before it begins on {self.valid_from}; "
                "give a later day"
            )
        self._has_target(told)
        return self

    def _has_target(self, told: str) -> None:
        if self.kind == "pin" and (len(self.items) != 1 or self.categories or self.column):
            raise ValueError(f"{told} pins one item; give its id, items = ['...'], and no other target")
        if self.kind == "age_limit" and (self.min_age is None) == (not self.column or bool(self.values)):
            raise ValueError(f"{told} needs min_age, or the column that holds each item's; give one of them")
        if not (self.about_items or self.per or self.column or self.kind in OF_EVERY_ITEM):
            raise ValueError(f"{told} names no item; give items, categories, or column and values")
