"""Business rules applied to lists: hard ones before re-ranking, the others on what comes out of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.arrays.types import Codes, Flags, Floats, Positions
from tasks.rules.arranging import arrange
from tasks.rules.book import RuleBook
from warehouse.columns import ITEM, RANK, RULES, USER

FALLBACK = "fallback"
"""Recorded with an item that stands where rules left a gap."""
POOL = 1000
"""So many of the most popular items may fill a gap, and of new ones as many as a list has."""
BLOCK_USERS = 256


@dataclass(frozen=True)
class RuledLists:
    """Lists under rules."""

    items: NDArray[np.int64]
    """(U, k) item codes, -1 padded."""
    places: Positions
    """(U, k) where each stands among the user's candidates; -1 for one from outside, and beyond the list."""
    moved: dict[str, Flags]
    """By rule, and by "fallback", (U, k): whether it put the item where it stands."""

    def names(self, rows: NDArray[np.integer], ranks: NDArray[np.integer]) -> pl.Series:
        """(R,) the names of what put the items there, for these rows and ranks (from 0)."""
        names: list[list[str]] = [[] for _ in rows]
        for name, told in self.moved.items():
            for at in np.flatnonzero(told[rows, ranks]):
                names[at].append(name)
        return pl.Series(names, dtype=pl.List(pl.String))


def apply_hard_rules(lists: pl.DataFrame, book: RuleBook) -> pl.DataFrame:
    """Old lists without what today's hard rules keep out; ranks closed up.

    Kept out is what a user had since, what is blocked, out of stock or beyond an age limit, and what the
    catalogue does not hold or does not recommend any more. A list may become shorter, or empty.

    Lists have columns user_id, rank, item_id and any further ones; rows stay in their order.
    """
    items = pl.DataFrame({ITEM: pl.Series(book.item_ids, dtype=pl.String)}).with_row_index("item_code")
    users = pl.DataFrame({USER: pl.Series(book.user_ids, dtype=pl.String)}).with_row_index("user_code")
    known = lists.join(items, on=ITEM, how="inner", maintain_order="left").join(
        users, on=USER, how="left", maintain_order="left"
    )
    user = known["user_code"].cast(pl.Int64).fill_null(-1).to_numpy()  # nothing is known of somebody new
    free = book.allowed(user, known["item_code"].cast(pl.Int64).to_numpy())
    kept = known.filter(pl.Series(free, dtype=pl.Boolean))
    place = pl.col(RANK).rank("ordinal").over(USER).cast(lists.schema[RANK])
    return kept.with_columns(place.alias(RANK)).select(lists.columns)


def around_rules(published: pl.DataFrame, reranked: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order of `reranked`, but for those that a rule put in their place: these stay there.

    Published are a user's rows with rank and rules, by rank; re-ranked, the same or the first of them.
    """
    moved = pl.col(RULES).list.len() > 0
    fixed, others = published.filter(moved), reranked.filter(~moved.fill_null(False))
    free = np.setdiff1d(np.arange(1, published.height + 1), fixed[RANK].to_numpy())[: others.height]
    places = pl.concat([fixed[RANK].cast(pl.Int64), pl.Series(RANK, free, dtype=pl.Int64)])
    return pl.concat([fixed, others]).with_columns(place=places).sort("place").drop("place")


def ruled_lists(
    scores: Floats,
    users: Codes,
    items: Codes,
    book: RuleBook | None,
    k: int,
    rerank: Callable[[Floats], Positions],
) -> RuledLists:
    """Lists that obey the rules: hard ones always, the others as far as there are items.

    What hard rules forbid is taken out first; boosts and buries then change the scores; re-ranking follows;
    pins, caps and shares of new items rearrange its order. A list is as long as it would be without rules:
    where they leave a gap, the user's further candidates fill it, then what most people had.

    Args:
        scores: (U, C) fused scores; -inf where there is no item.
        users: (U,) codes.
        items: (U, C) codes of the users' candidates, -1 padded.
        book: the rules of the day; None without.
        k: length of the lists.
        rerank: from scores (U, C) to positions (U, k), best first, -1 padded.
    """
    if book is None or not book.rules:
        places = rerank(scores)
        return RuledLists(_at(items, places), places, {})
    present = items >= 0
    allowed = present & book.allowed(users[:, None], items)
    adjusted = _adjusted_scores(scores, users, items, book, allowed)
    order = _whole_order(rerank(adjusted), adjusted)
    wanted = np.minimum(present.sum(axis=1), k)
    outside = _pinned_outside(book, users, items)
    choice = np.concatenate([_at(items, order), outside], axis=1)
    movers = [rule.name for rule in book.rules if not rule.hard]
    lists = RuledLists(
        np.full((len(users), k), -1, dtype=np.int64),
        np.full((len(users), k), -1, dtype=np.int64),
        {name: np.zeros((len(users), k), dtype=bool) for name in (*movers, FALLBACK)},
    )

    def fill(rows: NDArray[np.int64], choice: Codes) -> Flags:
        """Write the lists of some users; (B,) whether they are all that rules want."""
        made = arrange(book, users[rows], choice, wanted[rows], k)
        lists.items[rows] = _at(choice, made.columns)
        from_order = np.where(made.columns < order.shape[1], made.columns, -1)
        lists.places[rows] = _at(order[rows], from_order)
        for name, told in made.moved.items():
            lists.moved[name][rows] = told
        lists.moved[FALLBACK][rows] = made.columns >= order.shape[1] + outside.shape[1]
        return made.met

    for start in range(0, len(users), BLOCK_USERS):
        rows = np.arange(start, min(start + BLOCK_USERS, len(users)))
        short = rows[~fill(rows, choice[rows])]
        if short.size:
            pool = _pool(book, users[short], choice[short], k)
            fill(short, np.concatenate([choice[short], pool], axis=1))
    _mark_adjusted(lists, book, users, scores, present)
    _mark_gaps(lists, scores, allowed, wanted)
    return lists


def _adjusted_scores(scores: Floats, users: Codes, items: Codes, book: RuleBook, allowed: Flags) -> Floats:
    """(U, C) scores for re-ranking: -inf where not `allowed` (U, C), boosts added, buries taken off.

    The unit of both is the standard deviation of the fused scores of all candidates of the user.
    """
    spread = _spread(scores, items >= 0)[:, None]
    out = np.where(allowed, scores, -np.inf)
    for rule in book.of_kind("boost", "bury"):
        change = (rule.strength or 0) * (spread if rule.kind == "boost" else -spread)
        out += np.where(book.about(rule, users[:, None], items), change, 0)
    return out


def _spread(scores: Floats, present: Flags) -> Floats:
    """(U,) standard deviation of each row's present scores; 0 where there are none."""
    n = np.maximum(present.sum(axis=1), 1)
    mean = np.where(present, scores, 0).sum(axis=1) / n
    from_mean = np.where(present, scores, mean[:, None]) - mean[:, None]
    return np.sqrt((from_mean**2).sum(axis=1) / n)


def _at(values: Codes, places: Positions) -> NDArray[np.int64]:
    """values[u, places[u]]; -1 where the place is -1."""
    if not values.shape[1]:
        return np.full(places.shape, -1, dtype=np.int64)
    return np.where(places >= 0, np.take_along_axis(values, places, axis=1), -1).astype(np.int64)


def _whole_order(places: Positions, scores: Floats) -> Positions:
    """(U, C) all positions that have a score: those of re-ranking first, the others by score; then -1."""
    if not scores.shape[1]:
        return np.zeros(scores.shape, dtype=np.int64)
    key = np.where(np.isneginf(scores), np.inf, places.shape[1])
    row, rank = np.nonzero(places >= 0)
    key[row, places[row, rank]] = rank
    order = np.lexsort((-scores, key), axis=1)
    return np.where(np.isinf(np.take_along_axis(key, order, axis=1)), -1, order)


def _pinned_outside(book: RuleBook, users: Codes, items: Codes) -> NDArray[np.int64]:
    """(U, P) items pinned for users who may be shown them and do not have them as candidates; -1 else."""
    pins = book.of_kind("pin")
    is_pinned = np.any([book.targets[rule.name] for rule in pins], axis=0) if pins else np.zeros(0, bool)
    found = np.full((len(users), np.count_nonzero(is_pinned)), -1, dtype=np.int64)
    for column, item in enumerate(np.flatnonzero(is_pinned)[:, None]):
        wanted = np.any([book.about(rule, users, item) for rule in pins], axis=0)
        wanted &= book.allowed(users, item) & ~(items == item).any(axis=1)
        found[wanted, column] = item
    return found


def _pool(book: RuleBook, users: Codes, choice: Codes, k: int) -> NDArray[np.int64]:
    """(B, W) further items than `choice` (B, C) that users (B,) may be shown, the most popular first."""
    free = book.allowed(users[:, None], np.arange(len(book.item_ids)))
    row, column = np.nonzero(choice >= 0)
    free[row, choice[row, column]] = False
    free = free[:, book.by_popularity]
    kept = free & (np.cumsum(free, axis=1) <= max(POOL, k))
    for rule in book.of_kind("new_share"):
        new = free & book.about(rule, users[:, None], book.by_popularity)
        kept |= new & (np.cumsum(new, axis=1) <= k)
    row, column = np.nonzero(kept)
    n_kept = kept.sum(axis=1)
    pool = np.full((len(users), int(n_kept.max(initial=0))), -1, dtype=np.int64)
    first = np.cumsum(n_kept) - n_kept
    pool[row, np.arange(len(row)) - first[row]] = book.by_popularity[column]
    return pool


def _mark_adjusted(lists: RuledLists, book: RuleBook, users: Codes, scores: Floats, present: Flags) -> None:
    """Record boosts and buries with the candidates whose scores they changed."""
    changed = (lists.places >= 0) & (_spread(scores, present) > 0)[:, None]
    for rule in book.of_kind("boost", "bury"):
        lists.moved[rule.name] = changed & book.about(rule, users[:, None], lists.items)


def _mark_gaps(lists: RuledLists, scores: Floats, allowed: Flags, wanted: NDArray[np.int64]) -> None:
    """Record `fallback` with items that came up because hard rules took better ones out."""
    if not scores.shape[1]:
        return
    rank = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(
        rank, np.argsort(-scores, axis=1, kind="stable"), np.arange(scores.shape[1])[None], axis=1
    )
    lost = ((rank < wanted[:, None]) & ~allowed).any(axis=1)
    by_rule: Flags = np.any(list(lists.moved.values()), axis=0)
    beyond = (lists.places >= 0) & (_at(rank, lists.places) >= wanted[:, None])
    lists.moved[FALLBACK] |= beyond & np.expand_dims(lost, 1) & ~by_rule
