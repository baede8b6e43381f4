"""Which column holds the values of which other column: what joins tables, and says which ids are items."""

from dataclasses import dataclass

import polars as pl

from tasks.ingest.drafting.names import plain_name
from tasks.ingest.drafting.profile import Profile
from tasks.ingest.drafting.roles import unnamed
from tasks.ingest.drafting.tables import Sampled

UNIQUE = 0.98
FEW_ROWS = 20  # in so few rows that nothing repeats says little
SMALL = 1_000_000  # whole numbers below it meet by chance
HOPS = 2


@dataclass(frozen=True, eq=False)
class Join:
    """A further table of events: its column `key` has one row for each value of the same column before it."""

    table: Sampled
    key: str


def met(column: Profile, ids: Profile) -> float:
    """Which share of the distinct values of a column is among those of another."""
    return len(column.keys & ids.keys) / max(1, len(column.keys))


def unpacks(column: Profile, ids: Profile) -> bool:
    """Whether the cells of a column hold several of the ids of another."""
    return len(column.packed) > 1 and len(column.packed & ids.keys) / len(column.packed) >= 0.5


def chancy(column: Profile) -> bool:
    """Whether values meet others by chance, being small whole numbers."""
    return column.whole >= 0.95 and float(column.numbers.max() or 0) < SMALL  # type: ignore[arg-type]


def link(column: Profile, ids: Profile, whole: bool) -> float:
    """Points for a column to hold the values of a column of ids; `whole` if all of these ids are known."""
    share = met(column, ids)
    named = plain_name(column.name) == plain_name(ids.name) and not unnamed(column)
    points = 2.0 * named
    if unpacks(column, ids):
        return points + 4.0
    if whole and chancy(column):  # ratings of 1 to 5 are ids, too, but few of them
        covered = len(column.keys & ids.keys) / max(1, len(ids.keys))
        return points + 2.0 * share * min(1.0, 0.3 + 2 * covered) - 3.0 * (share < 0.1)
    if whole:
        return points + 4.0 * share - 3.0 * (share < 0.1)
    if share > 0.02:
        return points + (1.0 if chancy(column) else 3.0) + share
    alike = chancy(column) == chancy(ids) and abs(column.length - ids.length) <= 4
    return points - 2.0 * (not alike)


def depends(rows: pl.DataFrame, column: str, on: str) -> float:
    """Which share of the rows has the most common value that a column has beside a value of another."""
    known = rows.select(on=pl.col(on), column=pl.col(column)).drop_nulls()
    if not known.height:
        return 0.0
    times = known.group_by("on", "column").len().group_by("on").agg(pl.col("len").max())
    return float(times["len"].sum()) / known.height


def joins_of(log: Sampled, tables: list[Sampled]) -> list[tuple[Join, ...]]:
    """The chains of further tables that a table can be joined with, the shortest first."""
    chains: list[tuple[Join, ...]] = []
    ends: list[tuple[Join, ...]] = [()]
    for _ in range(HOPS):
        ends = [
            (*chain, Join(table, key))
            for chain in ends
            for table in tables
            if table is not log and all(table is not join.table for join in chain)
            if (key := _key(chain[-1].table if chain else log, table, chain[-1].key if chain else ""))
        ]
        chains += ends
    return chains


def _key(table: Sampled, further: Sampled, before: str) -> str | None:
    """The column of one name that has each value once in the further table."""
    if not (table.header and further.header):
        return None
    for name, ids in further.profiles.items():
        said, own = further.concepts[name], table.profiles.get(name)
        if own is None or name == before or not said.get("id") or said.get("item", 0) > said.get("order", 0):
            continue
        if ids.uniqueness < UNIQUE or ids.filled_share < UNIQUE or own.number >= 0.95 > own.whole:
            continue
        if not further.whole or met(own, ids) >= 0.3:
            return name
    return None
