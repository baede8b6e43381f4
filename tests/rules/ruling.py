"""A small shop for tests of business rules: what rules are read from, without a warehouse."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from tasks.fusion.candidates import Candidates
from tasks.fusion.rerank import by_score
from tasks.rules.applying import RuledLists, ruled_lists
from tasks.rules.book import RuleBook, read_rules
from tasks.settings import Settings

DAY = date(2026, 12, 1)
ITEMS = [f"i{code}" for code in range(12)]
USERS = ["adult", "child", "secret"]
# i0 to i3 are toys, i4 to i7 books; each brand has every third item
CATEGORIES = [["toy"], ["toy"], ["toy"], ["toy"], *[["book"]] * 4, ["film", "book"], ["film"], ["film"], []]
BRANDS = ["acme", "bolt", "core"] * 4
STOCK = ["3", "0", "7", "sold out", None, *["1"] * 7]
AGES = [None, None, "FSK 16", "18", None, "all", *[None] * 6]
# i0 is the most popular; i9 is 5 days old, i10 and i11 have no event
EVENTS = [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, None, None]
NEWEST = 100 * 86_400


class Shop:
    """Answers the queries that rules are read by."""

    def __init__(
        self, table: Sequence[dict[str, Any]] = (), seen: Sequence[tuple[str, str, str]] = ()
    ) -> None:
        self.table, self.seen = table, seen

    def query(self, name: str, /, **parameters: object) -> pl.DataFrame:
        match name:
            case "rules":
                return pl.DataFrame([{"users": None, "for_users": False, **row} for row in self.table])
            case "items_of_rules":
                extra = [
                    json.dumps({k: v for k, v in zip(("stock", "age"), pair, strict=True) if v})
                    for pair in zip(STOCK, AGES, strict=True)
                ]
                return pl.DataFrame({"item_id": ITEMS, "categories": CATEGORIES}).with_columns(
                    title=pl.col("item_id"),
                    year=pl.lit(1990),
                    description=pl.lit(None, pl.String),
                    content=pl.Series([json.dumps({"brand": brand}) for brand in BRANDS]),
                    attributes=pl.Series(extra),
                )
            case "users_of_rules":
                profiles = [json.dumps({"club": club}) for club in ("gold", "gold", "none")]
                people = {"user_id": USERS, "age": [40, 10, None], "profile": profiles}
                return pl.DataFrame(people).with_columns(
                    gender=pl.lit("F"), occupation=pl.lit(None, pl.String)
                )
            case "events_of_items":
                first = [0] * 9 + [NEWEST - 5 * 86_400]
                return pl.DataFrame(
                    {"item_id": ITEMS[:10], "events": EVENTS[:10], "first_event_time": first}
                ).with_columns(last_event_time=pl.lit(NEWEST))
            case "seen_events":
                schema = ["user_id", "item_id", "event_type"]
                return pl.DataFrame(list(self.seen), schema=dict.fromkeys(schema, pl.String), orient="row")
        raise AssertionError(name)


def settings(rules: Sequence[dict[str, Any]] = (), **sections: Any) -> Settings:
    return Settings.model_validate({"fusion": {"rules": list(rules), "list_length": 12}, **sections})


def book(
    *rules: dict[str, Any],
    table: Sequence[dict[str, Any]] = (),
    seen: Sequence[tuple[str, str, str]] = (),
    day: date = DAY,
    recommendable: Sequence[bool] | None = None,
    **sections: Any,
) -> RuleBook:
    """Rules read beside the shop."""
    allowed = np.ones(len(ITEMS), dtype=bool) if recommendable is None else np.array(recommendable)
    return read_rules(Shop(table, seen), settings(rules, **sections), allowed, day)


def candidates(n: int = 10) -> Candidates:
    """Every user has the first n items, the first the best."""
    items = np.tile(np.arange(n, dtype=np.int32), (len(USERS), 1))
    scores = np.tile(np.linspace(1, -1, n, dtype=np.float32)[:, None], (len(USERS), 1, 1))
    return Candidates(np.arange(len(USERS)), items, scores, ("toy",))


def lists(told: RuleBook, k: int = 5, n: int = 10) -> RuledLists:
    """The first k of n candidates under rules, re-ranked by score alone."""
    given = candidates(n)
    scores = given.scores[:, :, 0].astype(np.float64)
    return ruled_lists(scores, given.users, given.items, told, k, lambda adjusted: by_score(adjusted, k))


def listed(made: RuledLists, user: str = "adult") -> list[str]:
    """The items of a user's list."""
    return [ITEMS[item] for item in made.items[USERS.index(user)] if item >= 0]


def named(made: RuledLists, user: str = "adult") -> dict[str, list[str]]:
    """Item to the rules that put it where it stands, where there is one."""
    row = USERS.index(user)
    ranks = np.flatnonzero(made.items[row] >= 0)
    names = made.names(np.full(len(ranks), row), ranks).to_list()
    return {ITEMS[made.items[row, rank]]: told for rank, told in zip(ranks, names, strict=True) if told}
