"""Ids that a program made floats, as pandas does where one id of a column is missing: 1037.0 is 1037."""

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.connection import Warehouse
from warehouse.expressions import trimmed
from warehouse.sql import name_of, text_of
from warehouse.staging import Staged

_WHOLE = r"^-?(?:0|[1-9]\d*)\.0+$|^-?[1-9](?:\.\d+)?[eE]\+?\d{1,2}$"
_WITH_POINT = r"^[+-]?(?:\d*\.\d+|\d+(?:\.\d*)?[eE][+-]?\d+)$"
_MISSING = ("nan", "none", "null", "<na>")
_EXACT = 1 << 53  # a float knows all whole numbers below
_FIRST = 100  # rows that mostly tell that ids are no floats


@dataclass(frozen=True)
class Ids:
    """A column of ids of a staged table."""

    staged: Staged
    column: str

    def of(self, source: str) -> str:
        """SQL of the filled ids of a source, as x."""
        rows = f"from staging.{name_of(self.staged.kind)} where source = {text_of(source)}"
        filled = f"lower(coalesce(x, '')) not in ('', {_listed(_MISSING)})"
        return f"(select x from (select {trimmed(name_of(self.column))} as x {rows}) where {filled})"


def float_ids(warehouse: Warehouse, same: Sequence[Ids]) -> list[tuple[Ids, int]]:
    """Which of some columns of the same ids hold whole numbers as floats, and in how many rows.

    A source counts when all its ids are such; none does when another one has ids with a true fraction, or
    some ids only that look like this, as versions do.
    """
    found: list[tuple[Ids, int]] = []
    others: list[str] = []
    for ids in same:
        rows = 0
        for source in ids.staged.sources:
            filled = ids.of(source)
            if ids.column in ids.staged.floats.get(source, ()) or _all_whole(warehouse, filled):
                rows += warehouse.value(f"select count(*) from {filled}")
            else:
                others.append(filled)
        if rows:
            found.append((ids, rows))
    if found and any(
        warehouse.value(f"select coalesce(bool_or({_matches(_WITH_POINT)}), false) from {filled}")
        for filled in others
    ):
        return []
    return found


def _all_whole(warehouse: Warehouse, filled: str) -> bool:
    for looked_at in (f"(from {filled} limit {_FIRST})", f"(select distinct x from {filled})"):
        number = "try_cast(x as double)"
        whole = f"{_matches(_WHOLE)} and {number} = trunc({number}) and abs({number}) < {_EXACT}"
        if not warehouse.value(
            f"select coalesce(bool_and(coalesce({whole}, false)), false) from {looked_at}"
        ):
            return False
    return True


def id_of_float(column: str) -> str:
    """SQL of an id without what a float added; other texts as they are."""
    text = trimmed(column)
    whole = f"try_cast(try_cast({text} as double) as bigint)::varchar"
    return f"""case when lower({text}) in ({_listed(_MISSING)}) then null
        when regexp_matches({text}, {text_of(_WHOLE)}) then {whole} else {column} end"""


def _matches(pattern: str) -> str:
    return f"regexp_matches(x, {text_of(pattern)})"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(map(text_of, words))
