"""Which items and users a rule is about, by what their tables say of them."""

import json
import re
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.arrays.types import Flags
from tasks.settings.rules import Rule
from warehouse.columns import ITEM, TIME, USER
from warehouse.errors import PolyrecError

DAY_S = 86_400
CATEGORIES = "categories"
NOTHING_LEFT = {"false", "no", "none", "out", "out of stock", "out_of_stock", "sold out", "sold_out"}
"""What a column of stock says, beside numbers up to 0, where nothing is left."""
NUMBER = re.compile(r"\d+")


class Columns:
    """Columns of items or users by name, in whatever way they are kept: as values, as texts."""

    def __init__(self, rows: pl.DataFrame, objects: Sequence[str], strict: bool = True) -> None:
        """Take rows: columns of their own, a list of categories, and columns of JSON `objects`.

        A column that no row has is an error if `strict`; else it has no values.
        """
        self._rows, self._objects, self._strict = rows, objects, strict and rows.height > 0
        self._read: list[dict[str, object]] | None = None
        self.ids = rows[ITEM if ITEM in rows.columns else USER].to_list()

    def __call__(self, rule: Rule, column: str) -> list[Sequence[str]]:
        """Each row's values in a column.

        Raises:
            PolyrecError: no row has the column.
        """
        if column in self._rows.columns and column not in self._objects:
            found = self._rows[column].to_list()
        else:
            found = [of_row.get(column) for of_row in self._dicts()]
            self._check(rule, column, found)
        return [
            tuple(map(str, value)) if isinstance(value, list) else () if value is None else (str(value),)
            for value in found
        ]

    def _check(self, rule: Rule, column: str, found: Sequence[object]) -> None:
        if self._strict and all(value is None for value in found):
            own = [name for name in self._rows.columns if name not in self._objects]
            known = sorted({*own, *(key for of_row in self._dicts() for key in of_row)})
            raise PolyrecError(
                f"rule {rule.name!r}: there is no column {column!r}; write one of: {', '.join(known)}"
            )

    def where(self, rule: Rule, column: str, has: Callable[[str], bool]) -> Flags:
        """Which rows have a value for which `has` is true."""
        return np.array([any(map(has, values)) for values in self(rule, column)], dtype=bool)

    def _dicts(self) -> list[dict[str, object]]:
        if self._read is None:
            self._read = [
                {key: value for text in row if text for key, value in json.loads(text).items()}
                for row in self._rows.select(self._objects).iter_rows()
            ]
        return self._read


def item_targets(rule: Rule, items: Columns, log: pl.DataFrame, has_times: bool) -> Flags:
    """(N,) the items that a rule is about: those for which all that it says holds.

    The log has the number of events and the first and last time of each item, null without events;
    `has_times` says whether events have a time that was delivered, and not only an order.
    """
    out = np.ones(len(items.ids), dtype=bool)
    if rule.items:
        wanted = set(rule.items)
        out &= np.array([item_id in wanted for item_id in items.ids], dtype=bool)
    if rule.categories:
        out &= items.where(rule, CATEGORIES, set(rule.categories).__contains__)
    if rule.column and rule.values:
        out &= items.where(rule, rule.column, set(rule.values).__contains__)
    if rule.column and rule.kind == "out_of_stock" and not rule.values:
        out &= items.where(rule, rule.column, _says_nothing_left)
    if rule.kind == "new_share":
        out &= _is_new(log, rule.n_days, has_times)
    return out


def user_members(rule: Rule, users: Columns) -> Flags:
    """(U,) the users whom a rule is for."""
    out = np.ones(len(users.ids), dtype=bool)
    if rule.users:
        wanted = set(rule.users)
        out &= np.array([user_id in wanted for user_id in users.ids], dtype=bool)
    if rule.user_column:
        out &= users.where(rule, rule.user_column, set(rule.user_values).__contains__)
    return out


def age_limits(rule: Rule, items: Columns) -> NDArray[np.float64]:
    """(N,) years: NaN where there is no limit; infinity where a column says something without a number."""
    if rule.min_age is not None:
        return np.full(len(items.ids), float(rule.min_age))
    found = [values[0] if values else None for values in items(rule, rule.column or "")]
    numbers = [NUMBER.search(value) if value else None for value in found]
    return np.array(
        [
            float("nan") if not value else float(number[0]) if number else float("inf")
            for value, number in zip(found, numbers, strict=True)
        ],
        dtype=np.float64,
    )


def cap_groups(rule: Rule, items: Columns, targets: Flags) -> NDArray[np.int64]:
    """(N, P) codes of the groups in which an item counts; -1 beyond them, and for what is no target."""
    if rule.per is None:
        return np.where(targets, 0, -1).astype(np.int64)[:, None]
    values = items(rule, rule.per)
    names = sorted({one for of_item in values for one in of_item})
    code = {value: number for number, value in enumerate(names)}
    out = np.full((len(values), max(map(len, values), default=1) or 1), -1, dtype=np.int64)
    for row, of_item in enumerate(values):
        if targets[row]:
            out[row, : len(of_item)] = [code[value] for value in of_item]
    return out


def _says_nothing_left(value: str) -> bool:
    try:
        return float(value) <= 0
    except ValueError:
        return value.strip().lower() in NOTHING_LEFT


def _is_new(log: pl.DataFrame, days: int, has_times: bool) -> Flags:
    """(N,) items without events, and those whose first one is at most so many days before the last of all."""
    first = log[f"first_{TIME}"].cast(pl.Float64).fill_null(float("inf")).to_numpy()
    last = log[f"last_{TIME}"].drop_nulls()
    if last.is_empty() or not has_times:
        return np.isinf(first)
    return first >= last.cast(pl.Float64).to_numpy().max() - days * DAY_S
