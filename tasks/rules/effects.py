"""What rules did to lists, counted."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.arrays.codes import codes
from tasks.arrays.types import Codes
from tasks.rules.arranging import new_items
from tasks.rules.book import RuleBook
from tasks.settings.rules import Rule
from warehouse.columns import ITEM, RANK, USER

EXCLUDED, MOVED, UNMET = "excluded", "moved", "unmet"
SCHEMA = {USER: pl.String, "rule": pl.String, "effect": pl.String, "items": pl.Int32}


def rule_effects(lists: pl.DataFrame, users: Codes, items: Codes, book: RuleBook) -> pl.DataFrame:
    """One row a user, rule and effect: user_id, rule, effect, items; sorted.

    excluded: the user's candidates that a hard rule keeps out (of several rules, each counts); by
    exclude_seen, the items that the user had, also of users whom nothing is left for. moved: the rows of the
    list that name the rule. unmet: the items that a cap has too many, that a share of new ones lacks, or a
    pin that is not in its place.

    Lists have columns user_id, rank, item_id, rules. Users (U,) are codes, ascending; items (U, C) are codes
    of their candidates, -1 padded.
    """
    everybody = pl.Series(book.user_ids, dtype=pl.String)
    names = everybody.gather(users)
    frames = [pl.DataFrame(schema=SCHEMA)]
    for rule in book.hard:
        if rule.kind == "exclude_seen":
            frames.append(_rows(everybody, rule.name, EXCLUDED, _had(rule, book)))
        else:
            kept_out = (items >= 0) & book.forbids(rule, users[:, None], items)
            frames.append(_rows(names, rule.name, EXCLUDED, kept_out.sum(axis=1)))
    named = lists.select(USER, "rules").explode("rules").drop_nulls()
    for (rule_name,), rows in named.group_by("rules", USER).len("items").group_by("rules"):
        frames.append(_rows(rows[USER], str(rule_name), MOVED, rows["items"].to_numpy()))
    if arranging := book.of_kind("pin", "cap", "new_share"):
        listed = _Listed(lists, book, users)
        frames += [_rows(names, rule.name, UNMET, listed.unmet(rule)) for rule in arranging]
    return pl.concat(frames).filter(pl.col("items") > 0).sort(USER, "rule", "effect")


def effects_of_rows(lists: pl.DataFrame, candidates: pl.DataFrame, book: RuleBook) -> pl.DataFrame:
    """What rules of a day do to lists that were made before, of the users and items that there still are.

    Lists are rows of serving.recommendations, candidates of serving.candidates.
    """
    known = pl.col(USER).is_in(list(book.user_ids)) & pl.col(ITEM).is_in(list(book.item_ids))
    lists = lists.filter(known)
    pairs = candidates.select(USER, pl.col("item_ids").alias(ITEM)).explode(ITEM).filter(known).sort(USER)
    listed, of_pair = codes(lists[USER], book.user_ids), codes(pairs[USER], book.user_ids)
    users = np.union1d(listed, of_pair)
    row = np.searchsorted(users, of_pair)
    column = np.arange(len(row)) - np.searchsorted(row, row)
    items = np.full((len(users), int(column.max(initial=-1)) + 1), -1, dtype=np.int64)
    items[row, column] = codes(pairs[ITEM], book.item_ids)
    return rule_effects(lists, users, items, book)


def effects_table(effects: pl.DataFrame) -> list[dict[str, Any]]:
    """Totals for people: rule, effect, items, users."""
    totals = effects.group_by("rule", "effect").agg(pl.col("items").sum(), pl.len().alias("users"))
    return totals.sort("rule", "effect").to_dicts()


def _rows(users: pl.Series, rule: str, effect: str, items: NDArray[np.integer]) -> pl.DataFrame:
    return pl.DataFrame(
        {USER: users, "rule": [rule] * len(users), "effect": [effect] * len(users), "items": items},
        schema=SCHEMA,
    )


def _had(rule: Rule, book: RuleBook) -> NDArray[np.int64]:
    """(all users,) how many items exclude_seen keeps from each."""
    by, had = np.divmod(book.seen[rule.name], max(len(book.item_ids), 1))
    return np.bincount(by[book.about(rule, by, had)], minlength=len(book.user_ids))


class _Listed:
    """Lists as codes."""

    def __init__(self, lists: pl.DataFrame, book: RuleBook, users: Codes) -> None:
        self.book, self.users = book, users
        self.row = np.searchsorted(users, codes(lists[USER], book.user_ids))
        self.item, self.rank = codes(lists[ITEM], book.item_ids), lists[RANK].to_numpy()
        self.length = self._count(np.ones(len(self.row), dtype=bool))

    def unmet(self, rule: Rule) -> NDArray[np.int64]:
        """(U,) how many items lists lack, or have too many, by a rule."""
        told = self.book.about(rule, self.users[self.row], self.item)
        early, is_for = self.rank <= rule.n_first, self.book.members[rule.name][self.users]
        if rule.kind == "pin":
            stands = told & (self.rank == np.minimum(rule.rank or 1, self.length[self.row]))
            return (is_for & (self.length > 0) & (self._count(stands) == 0)).astype(np.int64)
        if rule.kind == "new_share":
            return np.maximum(is_for * new_items(rule, self.length) - self._count(told & early), 0)
        groups, counted = self.book.groups[rule.name], told & early
        counts = np.zeros((len(self.users), int(groups.max(initial=-1)) + 2), dtype=np.int64)
        np.add.at(counts, (self.row[counted, None], groups[self.item[counted]]), 1)
        return np.maximum(counts[:, :-1] - (rule.at_most or 0), 0).sum(axis=1)

    def _count(self, told: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(self.row[told], minlength=len(self.users))
