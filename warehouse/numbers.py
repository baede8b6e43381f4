"""Numbers as delivered: with a decimal point or comma, thousands apart, and signs of a currency.

A text such as 3,5 or 1.234,50 can only be one number, whatever stands in other rows. Of 1,234 and 1.234 the
column has to tell whether they are above a thousand.
"""

from dataclasses import dataclass, replace
from typing import Literal

from warehouse.date_words import FULL_WIDTH
from warehouse.expressions import blank, trimmed
from warehouse.sql import text_of
from warehouse.times import SURE, Run

Mark = Literal[".", ","]

_SPACE = r"\s\x{a0}\x{202f}\x{2009}"
_CODES = "EUR|USD|GBP|CHF|JPY|CNY|INR|KRW|SEK|NOK|DKK|PLN|CZK|HUF|RON|TRY|RUB|BRL|MXN|CAD|AUD|NZD|ZAR|ILS"
_CURRENCY = rf"(?:\p{{Sc}}|{_CODES}|[A-Z]{{1,2}}\$|kr|zł|Kč|Ft|lei|лв|руб|元|円|원|Fr|Rs)\.?"
_BARE = (
    (rf"^([+-]?)[{_SPACE}]*{_CURRENCY}[{_SPACE}]*([+-]?\d)", r"\1\2"),
    (rf"(\d)[{_SPACE}]*{_CURRENCY}$", r"\1"),
    (r"^(\d.*)-$", r"-\1"),  # as accounting programs write what is below zero
)
# By decimal mark, texts that can be no number with the other one.
_ONLY = {
    ",": rf"^[+-]?(?:\d{{1,3}}(?:[.'’{_SPACE}]\d{{3}})+,\d+|\d*,\d+|\d{{1,3}}(?:\.\d{{3}}){{2,}})$",
    ".": rf"^[+-]?(?:\d{{1,3}}(?:[,'’{_SPACE}]\d{{3}})+\.\d+|\d*\.\d+|\d{{1,3}}(?:,\d{{3}}){{2,}})$",
}
_EITHER = {mark: rf"^[+-]?[1-9]\d{{0,2}}[{mark}]\d{{3}}$" for mark in ".,"}
_APART = rf"\d[.,'’{_SPACE}]\d{{3}}(?:[.,'’{_SPACE}]|$)"


@dataclass(frozen=True)
class NumberForms:
    """What a column of numbers holds."""

    plain: int = 0  # rows that are numbers with a decimal point or none
    other: int = 0  # filled rows that are not
    decimal: Mark | None = "."  # None where rows speak for both marks, or a comma stands that no row explains
    by_hand: bool = False  # whether the settings say which mark
    commas: int = 0  # rows whose decimal mark can only be a comma
    grouped: int = 0  # rows that are no plain numbers with three digits behind each sign
    currency: int = 0  # rows with a currency's sign


def look_at_numbers(run: Run, relation: str, column: str, decimal: Mark | None) -> NumberForms:
    """Look at a column (SQL) of a relation, once; a second time only where not all are plain numbers."""
    number = f"try_cast({column} as double)"
    plain, other = run(
        f"""select count(number), count(*) filter (other)
            from (select {number} as number, case when {number} is null then not {blank(column)} end as other
                from {relation})"""
    )[0]
    found = NumberForms(plain, other, decimal or ".", decimal is not None)
    if not other:
        return found
    tests = (
        *(_only(mark) for mark in ".,"),
        _matches("t", _EITHER[","]),
        f"{_matches('t', _APART)} and try_cast(t as double) is null",
        "t <> x",
    )
    counts = ", ".join(f"coalesce(sum(rows) filter ({test}), 0)::bigint" for test in tests)
    points, commas, either, grouped, currency = run(
        f"select {counts} from (select x, {_bare('x')} as t, rows "
        f"from (select {trimmed(column)} as x, count(*) as rows from {relation} group by x))"
    )[0]
    if decimal is None:
        found = replace(found, decimal=_mark(points, commas, either))
    return replace(found, commas=commas, grouped=grouped, currency=currency)


def _mark(points: int, commas: int, either: int) -> Mark | None:
    if commas > SURE * points:
        return ","
    return "." if points > SURE * commas or not (points or commas or either) else None


def number_of(column: str, forms: NumberForms) -> str:
    """SQL: the number of a delivered text; null when it is none, or may be two."""
    plain = f"try_cast({column} as double)"
    if not forms.other and forms.decimal == ".":
        return plain
    comma = "try_cast(replace(regexp_replace(t, '[^0-9,+-]', '', 'g'), ',', '.') as double)"
    point = "try_cast(regexp_replace(t, '[^0-9.+-]', '', 'g') as double)"
    commas, points = _only(","), _only(".")
    if forms.decimal:
        either = {mark: _matches("t", pattern) for mark, pattern in _EITHER.items()}
        mine, other = (commas, points) if forms.decimal == "," else (points, commas)
        read, unread = (comma, point) if forms.decimal == "," else (point, comma)
        branches = f"when {either['.']} or {either[',']} or {mine} then {read}"
        branches += f" when {other} then {'null' if forms.by_hand else unread}"
    else:
        branches = f"when {commas} then {comma} when {points} then {point}"
        branches += f" when {_matches('t', _EITHER['.'])} then null"
    spaced = rf"^[+-]?\d{{1,3}}(?:['’{_SPACE}]\d{{3}})+$"
    read = f"case {branches} when {_matches('t', spaced)} then {point} else try_cast(t as double) end"
    marked = f"contains({column}, ',') or contains({column}, '.') or {plain} is null"
    whole = f"list_transform([{_bare(trimmed(column))}], lambda t: {read})[1]"
    return f"(case when {marked} then {whole} else {plain} end)"


def number_fault(column: str, number: str, forms: NumberForms, section: str) -> str:
    """SQL: what is wrong with a delivered number, in words that go on from its name; null when nothing is.

    `section` is where the settings are that say how it is read.
    """
    unread = "is no number: write one such as 3.5"
    either = f"may be above a thousand or a fraction, and no row of the column tells: {_advice(section)}"
    branches = ""
    if forms.by_hand:
        word, mark = ("comma", ",") if forms.decimal == "." else ("point", ".")
        strict = f'has a decimal {word}, and [{section}] says decimal = "{forms.decimal}"'
        branches = f"when {number} is null and {_only(mark, _bare(trimmed(column)))} then {text_of(strict)}"
    elif forms.decimal is None:
        both = " or ".join(_matches(_bare(trimmed(column)), pattern) for pattern in _EITHER.values())
        branches = f"when {number} is null and ({both}) then {text_of(either)}"
    return f"""case when {blank(column)} then 'is missing' {branches}
        when {number} is null then '{unread}'
        when not isfinite({number}) then 'is not finite: write a number such as 3.5' end"""


def _advice(section: str) -> str:
    return f'write decimal = "." or decimal = "," in [{section}]'


def _matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, {text_of(pattern)})"


def _only(mark: str, text: str = "t") -> str:
    return f"({_matches(text, _ONLY[mark])} and not {_matches(text, _EITHER[mark])})"


def _bare(text: str) -> str:
    """A text without the signs of a currency."""
    wide, plain = FULL_WIDTH
    text = f"translate({text}, '{wide}', '{plain}')"
    for pattern, by in _BARE:
        text = f"regexp_replace({text}, {text_of(pattern)}, {text_of(by)})"
    return text
