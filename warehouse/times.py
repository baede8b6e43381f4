"""Times as delivered: whichever unit, date form or zone, each value is read as what it can only be.

A number is a time when it lies in the window of plausible times in exactly one unit; dates are brought into
the form of ISO 8601. What the whole column has to tell is whether the day or the month comes first, and
whether small whole numbers are positions in an order. A column is looked at once; texts that DuckDB reads by
itself cost no more than that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Literal

from warehouse.date_words import FIRST, FULL_WIDTH, LETTERS, MARKS, NUMBERS, TIMES, WORDS, in_order
from warehouse.expressions import blank, trimmed
from warehouse.sql import text_of

UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
DateOrder = Literal["day_first", "month_first"]
SURE = 20  # so many times as many rows must speak for one reading as for the other

POSITIONS = "positions"
FORMS = ("compact dates", "ISO dates", "dates outside", "small numbers", "other dates")
_COMPACT = 19_000_101  # the least number that is a date without signs

Run = Callable[[str], list[tuple[Any, ...]]]

_WITH_ZONE = r":\d{2}.*([zZ]|[+-]\d{2}(:?\d{2})?|\s[A-Za-z_]+(/[A-Za-z_]+)*)$"
_DAY_AND_MONTH = r"^(?:\pL+[.,]* +)?(\d{1,2}) ?([./-]) ?(\d{1,2}) ?[./-] ?(?:\d{4}|\d{2})(?:\D|$)"


@dataclass(frozen=True)
class TimeRules:
    """How a column of times may be read."""

    earliest: int  # plausible, in seconds since 1970 UTC
    latest: int
    timezone: str = "UTC"  # of dates that name none
    date_order: DateOrder | None = None  # None: the column tells


@dataclass(frozen=True)
class TimeForms:
    """What a column of times holds."""

    rules: TimeRules
    rows: Mapping[str, int]  # rows of each unit, "ISO dates", "compact dates", "other dates", "small numbers"
    filled: int
    # Whether the day comes first where dots stand between, and where anything else does.
    with_dots: DateOrder | None = "day_first"
    with_others: DateOrder | None = None
    ordered: int = 0  # rows that are dates in numbers whose year is last
    ambiguous: int = 0  # rows that are two dates, since no row of the column tells the order

    @property
    def positions(self) -> bool:
        """Whether small whole numbers say the order of events, and no time since 1970."""
        small = self.rows["small numbers"]
        return 2 * small >= self.filled > 0 and SURE * self.read <= small

    @property
    def few_others(self) -> bool:
        """Whether few dates are other than plain ones, so that these are better read once for each text."""
        return not self.positions and 0 < 2 * self.rows["other dates"] < self.filled

    @property
    def read(self) -> int:
        """Rows that are plausible times, by their form."""
        return sum(self.rows[form] for form in (*UNITS, "compact dates", "ISO dates"))

    @property
    def numbers_are(self) -> str | None:
        """What numbers were taken for: units, the most frequent first, or positions; None without numbers."""
        if self.positions:
            return POSITIONS
        units = sorted((unit for unit in UNITS if self.rows[unit]), key=lambda unit: -self.rows[unit])
        return " and ".join(units) or None

    @property
    def date_order(self) -> DateOrder | None:
        """Which of day and month comes first; None where that is not known."""
        return None if self.ambiguous else self.with_others or self.with_dots


def begin_of(day: date) -> int:
    """The begin of a day, in seconds since 1970 UTC."""
    return int(datetime.combine(day, datetime.min.time(), UTC).timestamp())


def look_at_times(run: Run, relation: str, column: str, rules: TimeRules) -> TimeForms:
    """Look at a column (SQL) of a relation, once; a second time only where the order of dates matters."""
    units = ", ".join(f"count(*) filter ({_within('n', rules, unit)})" for unit in UNITS.values())
    window = f"between {rules.earliest} and {rules.latest}"
    # Cases, since these leave alone the rows that need not be looked at.
    whole = f"case when n < {rules.earliest} then {_is_whole('x')} end"
    row = run(
        f"""select {units}, count(day),
                count(*) filter (iso {window}), count(*) filter (iso not {window}),
                count(*) filter (n >= 0 and whole and day is null), count(*) filter (other),
                count(*) filter (n is not null or iso is not null or other)
            from (select n, iso, {whole} as whole, case when {_compact("n")} {window} then n end as day,
                    case when n is null and iso is null then not {blank("x")} end as other
                from (select x, n, case when n is null then {_iso("x", rules.timezone)} end as iso
                    from (select {column} as x, {_number(column)} as n from {relation})))"""
    )[0]
    rows = dict(zip((*UNITS, *FORMS), row, strict=False))
    found = TimeForms(rules, rows, row[-1], rules.date_order or "day_first", rules.date_order)
    return _with_order(run, relation, column, found) if rows["other dates"] else found


def _with_order(run: Run, relation: str, column: str, found: TimeForms) -> TimeForms:
    """With what the dates of a column tell about the order of day and month."""
    counts = run(
        f"""select between = '.' as dots, coalesce(sum(rows) filter (a > 12 and b <= 12), 0)::bigint,
                coalesce(sum(rows) filter (b > 12 and a <= 12), 0)::bigint,
                coalesce(sum(rows) filter (a <= 12 and b <= 12), 0)::bigint, sum(rows)::bigint
            from (select p.between, try_cast(p.a as integer) as a, try_cast(p.b as integer) as b, rows
                from (select regexp_extract({_plain_signs("x")}, '{_DAY_AND_MONTH}',
                        ['a', 'between', 'b']) as p, rows
                    from (select {trimmed(column)} as x, count(*) as rows from {relation}
                        where not {_is_date(column)} and try_cast({column} as double) is null group by x))
                where p.a <> '')
            group by dots"""
    )
    found = replace(found, ordered=sum(row[-1] for row in counts))
    if found.rules.date_order:
        return found
    told = {dots: (_order(days, months), days + months, both) for dots, days, months, both, _ in counts}
    nothing: tuple[DateOrder | None, int, int] = (None, 0, 0)
    with_dots, dotted, both_dotted = told.get(True, nothing)
    with_others, _, both = told.get(False, nothing)
    if not dotted:  # nobody writes the month first before a dot
        with_dots, both_dotted = "day_first", 0
    ambiguous = (0 if with_dots else both_dotted) + (0 if with_others else both)
    return replace(found, with_dots=with_dots, with_others=with_others, ambiguous=ambiguous)


def _order(days: int, months: int) -> DateOrder | None:
    if days > SURE * months:
        return "day_first"
    return "month_first" if months > SURE * days else None


def time_of(column: str, forms: TimeForms) -> str:
    """SQL: whole seconds since 1970 UTC, or the position in the order; null when the text is neither.

    The number may lie outside the window.
    """
    plain = plain_time_of(column, forms)
    if forms.positions or not forms.rows["other dates"]:
        return plain
    # A case leaves rows alone that need no more, as coalesce does not.
    rules = forms.rules
    usual, number = _usual(trimmed(column), forms), _seconds(_number("t"), rules)
    read = f"coalesce({_iso('t', rules.timezone)}, {number})"
    other = f"list_transform([{_in_iso_form(trimmed(column), forms)}], lambda t: {read})[1]"
    return f"""case when {plain} is not null then {plain}
        when {usual} between {rules.earliest} and {rules.latest} then {usual}
        when not {blank(column)} then {other} end"""


def plain_time_of(column: str, forms: TimeForms) -> str:
    """SQL: as `time_of`, of numbers and dates by ISO 8601 alone."""
    if forms.positions:
        return f"case when {_is_whole(column)} then {_number(column)} end"
    ways, rows = [], forms.rows
    dates = rows["ISO dates"] + rows["dates outside"]
    if any(rows[unit] for unit in UNITS) or rows["compact dates"]:
        ways.append(_seconds(_number(column, beside_dates=dates > 0), forms.rules))
    if dates or not ways:
        ways.append(_iso(column, forms.rules.timezone, beside_others=rows["other dates"] > 0))
    return f"coalesce({', '.join(ways)})"


def _usual(text: str, forms: TimeForms) -> str:
    """Seconds of the most frequent forms of dates in numbers whose year is last, fast."""
    days = [
        ("%d{0}%m{0}%Y" if order == "day_first" else "%m{0}%d{0}%Y").format(sign)
        for sign, order in ((".", forms.with_dots), ("/", forms.with_others), ("-", forms.with_others))
        if order
    ]
    formats = ", ".join(text_of(f"{day}{time}") for day in days for time in (" %H:%M", " %H:%M:%S", ""))
    read = f"try_strptime({text}, [{formats}])"
    if forms.rules.timezone.upper() != "UTC":
        read = f"timezone({text_of(forms.rules.timezone)}, {read})::timestamp"
    return f"floor(epoch({read}))::bigint"


def time_fault(column: str, time: str, forms: TimeForms, section: str) -> str:
    """SQL: what is wrong with a delivered time, in words that go on from its name; null when nothing is.

    `section` is where the settings are that say how it is read.
    """
    rules = forms.rules
    first = f"{_day(rules.earliest)} (earliest in [{section}])"
    if forms.positions:
        low = "is no position in an order such as 7, which most rows of this column hold"
        return f"""case when {blank(column)} then 'is missing'
            when {time} is null or not {in_window(time, forms)} then {text_of(low)} end"""
    no_unit = f"is a number that is no time from {first} to tomorrow in {', '.join(UNITS)}"
    order = "may have the day or the month first, and no row of the column tells: "
    order += f'write date_order = "day_first" or "month_first" in [{section}]'
    unread = "cannot be read: write it as 2024-01-31 23:59:00"
    if forms.date_order and forms.ordered:
        unread += f" (dates of this column are read with the {forms.date_order.removesuffix('_first')} first)"
    two_dates = (
        f"regexp_matches({_plain_signs(trimmed(column))}, '{_DAY_AND_MONTH}') and {forms.ambiguous > 0}"
    )
    return f"""case when {blank(column)} then 'is missing'
        when {time} is null and try_cast({column} as double) is not null then {text_of(no_unit)}
        when {time} is null and {two_dates} then {text_of(order)}
        when {time} is null then {text_of(unread)}
        when {time} < {rules.earliest} then {text_of(f"is before {first}")}
        when {time} > {rules.latest} then 'is later than tomorrow' end"""


def in_window(time: str, forms: TimeForms) -> str:
    """SQL: whether a time is plausible."""
    rules = forms.rules
    low, high = (0, rules.earliest - 1) if forms.positions else (rules.earliest, rules.latest)
    return f"{time} between {low} and {high}"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _is_date(column: str) -> str:
    """Whether a text may begin with a year of four digits and a month."""
    digits = " and ".join(f"substr({column}, {place}, 1) >= '0'" for place in (2, 3))
    return f"(substr({column}, 5, 1) in ('-', '/') and {digits})"


def _number(column: str, beside_dates: bool = True) -> str:
    """The whole number that a text begins with; null when it is no number.

    A date is none, so no time is spent on trying it, where there are dates.
    """
    no_date = f"when {_is_date(column)} then null" if beside_dates else ""
    part = f"try_cast(floor(try_cast({column} as double)) as bigint)"
    return f"""(case {no_date} when contains({column}, '.') then {part}
        else try_cast({column} as bigint) end)"""


def _is_whole(column: str) -> str:
    return f"(not contains({column}, '.') or coalesce(try_cast({column} as double) % 1 = 0, false))"


def _within(number: str, rules: TimeRules, unit: int) -> str:
    return f"{number} between {rules.earliest * unit} and {rules.latest * unit + unit - 1}"


def _seconds(number: str, rules: TimeRules) -> str:
    """Seconds of a number in the unit in which it is plausible, or of one that is a date without signs."""
    units = " ".join(f"when {_within('n', rules, unit)} then n // {unit}" for unit in UNITS.values())
    days = f"{_compact('n')} between {rules.earliest} and {rules.latest}"
    read = f"case when n >= {_COMPACT} and {days} then {_compact('n')} {units} end"
    return f"list_transform([{number}], lambda n: {read})[1]"


def _compact(number: str) -> str:
    """Seconds of 20250304, 202503041805 or 20250304180500."""
    formats = {"%Y%m%d": 8, "%Y%m%d%H%M": 12, "%Y%m%d%H%M%S": 14}
    branches = " ".join(
        f"when {number} between 19 * 10 ** {size - 2} and 10 ** {size} - 1 "
        f"then epoch(try_strptime({number}::varchar, '{form}'))::bigint"
        for form, size in formats.items()
    )
    return f"(case {branches} end)"


def _iso(column: str, timezone: str, beside_others: bool = True) -> str:
    """Whole seconds since 1970 UTC of a date that begins with a year of four digits.

    DuckDB reads 3/4/25 as a day of the year 3, which matters where there are such dates.
    """
    aware, naive = f"try_cast({column} as timestamptz)", f"try_cast({column} as timestamp)"
    if timezone.upper() != "UTC":
        naive = f"timezone({text_of(timezone)}, {naive})::timestamp"
        aware = f"case when regexp_matches({column}, '{_WITH_ZONE}') then {aware}::timestamp else {naive} end"
    # Most dates end in minutes or seconds: told by their length, and read at a third of the cost.
    short = f"length({column}) <= 10 or (length({column}) <= 19 and substr({column}, -3, 1) = ':'"
    short += f" and substr({column}, -6, 1) not in ('+', '-'))"
    date = f"case when {short} then {naive} else {aware}::timestamp end"
    seconds = f"floor(epoch({date}))::bigint"
    return f"(case when {_is_date(column)} then {seconds} end)" if beside_others else seconds


def _plain_signs(text: str) -> str:
    wide, plain = FULL_WIDTH
    return f"translate({text}, '{wide}', '{plain}')"


def _in_iso_form(text: str, forms: TimeForms) -> str:
    """The text of a date as ISO 8601 writes it, as far as its form is known."""
    numbers = in_order(forms.with_dots, forms.with_others)
    text = _plain_signs(text)
    for pattern, by in (*FIRST, *MARKS, *WORDS, *NUMBERS, *numbers, *LETTERS, *TIMES):
        text = f"regexp_replace({text}, {text_of(pattern)}, {text_of(by)}, 'gi')"
    return text
