"""Business rules where lists are read: what visitors may be shown, and what stays under another dial."""

import numpy as np
import polars as pl

from tasks.arrays.types import Flags
from tasks.rules.book import read_rules
from tasks.settings import Settings
from warehouse.columns import RANK, RULES
from warehouse.snapshot import Snapshot

VISITOR = np.array(-1)


def allowed_for_visitors(snapshot: Snapshot, settings: Settings, recommendable: Flags) -> Flags:
    """(N,) what somebody of whom nothing is known may be shown: by the catalogue, and today's hard rules.

    Rules for some users are not for visitors, and a visitor's age is not known.

    Args:
        snapshot: what is published.
        settings: with rules of their own.
        recommendable: (N,) by the catalogue.

    Raises:
        PolyrecError: rules contradict one another, or name a column that there is not.
    """
    if not has_table(snapshot, "rules"):
        return recommendable
    book = read_rules(snapshot, settings, recommendable)
    return book.allowed(VISITOR, np.arange(len(recommendable)))


def excluded_counts(snapshot: Snapshot, user_id: str) -> dict[str, int]:
    """By hard rule, how many items it kept out of a user's list."""
    if not has_table(snapshot, "rule_effects"):
        return {}
    rows = snapshot.query("rule_effects", user_id=user_id).filter(effect="excluded")
    return dict(rows.select("rule", "items").iter_rows())


def around_rules(published: pl.DataFrame, reranked: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order of `reranked`, but for those that a rule put in their place: these stay there.

    Args:
        published: a user's rows with rank and rules, by rank.
        reranked: the same rows, or the first of them, in another order.
    """
    if RULES not in published.columns:
        return reranked
    moved = pl.col(RULES).list.len() > 0
    fixed = published.filter(moved)
    others = reranked.filter(~moved.fill_null(False))
    free = np.setdiff1d(np.arange(1, published.height + 1), fixed[RANK].to_numpy())[: others.height]
    places = pl.concat([fixed[RANK].cast(pl.Int64), pl.Series(RANK, free, dtype=pl.Int64)])
    return pl.concat([fixed, others]).with_columns(place=places).sort("place").drop("place")


def has_table(snapshot: Snapshot, table: str) -> bool:
    """Whether a snapshot has a table of serving; one that an older version wrote may lack it."""
    return not snapshot.query("table_columns", schema="serving", table=table).is_empty()
