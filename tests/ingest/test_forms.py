"""A column of a sample, read as validation reads it."""

from datetime import UTC, datetime

import polars as pl
import pytest

from tasks.ingest.forms import read_numbers, read_times

MOMENT = "2025-03-04T18:05"


def moments(*texts: str | None) -> list[str | None]:
    """What texts are as times: to the minute, null where they are none."""
    _, read = read_times(pl.Series(texts, dtype=pl.String))
    return [
        None if one is None else datetime.fromtimestamp(one, UTC).isoformat()[: len(MOMENT)] for one in read
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("1741111500", "1741111500000", "1741111500123456", "1741111500123456789", "1741111500.7"),
        *("1741111500,7", "202503041805", "20250304180533", "20250304T180500Z", "1.7411115e9"),
        *("2025-03-04 18:05", "2025-03-04T18:05:33.123Z", "2025/03/04 18:05", "2025-03-04 18:05:00,123"),
        *("2025-03-04 19:05 CET", "2025-03-04T19:05:00+0100", "2025-03-04 19:05:00 +01:00"),
        *("4 Mar 2025 18:05", "04-MAR-25 6:05 PM", "4. März 2025, 18:05 Uhr", "4 de marzo de 2025 18:05"),
        *("Mar 4, 2025 6:05 p.m.", "March 4th, 2025, 18:05", "le 4 mars 2025 à 18h05"),
        *("Tue, 04 Mar 2025 18:05:00 GMT", "Tue Mar 04 18:05:00 +0000 2025", "Tue Mar  4 18:05:00 2025"),
        "Tue Mar 04 2025 19:05:00 GMT+0100 (Central European Standard Time)",
        *("04/Mar/2025:19:05:00 +0100", "04MAR2025:18:05:00", "2025-Mar-04 18:05"),
        *("2025年3月4日 18时5分", "2025年03月04日 下午6:05", "2025. 3. 4. 오후 6:05", "２０２５/03/04 18:05"),
        *("04.03.2025 18:05", "4.3.25 18.05"),
    ],
)
def test_a_time_is_read_in_whatever_form_it_stands(text: str) -> None:
    assert moments(text, "2025-03-04 18:05:00", "1741111500") == [MOMENT] * 3


@pytest.mark.parametrize("text", ["0", "-1", "1e400", "nan", "99999999999", "soon", "31.02.2025", "20251341"])
def test_what_is_no_plausible_time_is_none(text: str) -> None:
    assert moments(text, "1741111500") == [None, MOMENT]


@pytest.mark.parametrize("text", ["1989-12-31", "1970-01-01 00:00:00", "2999-01-01", "epoch"])
def test_a_date_outside_the_window_is_none(text: str) -> None:
    assert moments(text, None, "1741111500") == [None, None, MOMENT]


@pytest.mark.parametrize(
    ("texts", "order", "first"),
    [
        (("3/4/25", "31/12/2024"), "day_first", "2025-04-03T00:00"),
        (("3/4/25", "12/31/2024 6:05 PM"), "month_first", "2025-03-04T00:00"),
        (("12/1/25", "1/12/25", "1/13/25"), "month_first", "2025-12-01T00:00"),
        (("1/12/25", "31/1/25"), "day_first", "2025-12-01T00:00"),
        (("03-04-2025", "13-04-2025"), "day_first", "2025-04-03T00:00"),
        (("3.4.2025", "4.4.2025"), "day_first", "2025-04-03T00:00"),
        (("3/4/25", "4/4/2025"), None, None),
        (("3/4/25", "13/4/2025", "4/13/2025"), None, None),
    ],
)
def test_the_column_tells_whether_the_day_is_first(
    texts: tuple[str, ...], order: str | None, first: str | None
) -> None:
    forms, _ = read_times(pl.Series(texts))
    assert (forms.date_order, moments(*texts)[0]) == (order, first)
    assert forms.ambiguous == (0 if order else sum(text in ("3/4/25", "4/4/2025") for text in texts))


def test_units_are_counted_and_small_numbers_are_positions() -> None:
    forms, _ = read_times(pl.Series(["1741111500", "1741111500000", "1741111501000", "2025-03-04"]))
    assert forms.numbers_are == "milliseconds and seconds"
    assert not forms.positions
    forms, read = read_times(pl.Series(["3", "1.0", "2", None, "2025-03-04 00:00:00 x"]))
    assert (forms.numbers_are, read.to_list()) == ("positions", [3, 1, 2, None, None])


@pytest.mark.parametrize(
    ("texts", "decimal", "read"),
    [
        (("5", "3.5", "1e3", "-1"), ".", [5, 3.5, 1000, -1]),
        (
            ("3,5", "1.234", "1.234,50", "1 234,5", "1.234.567", "5"),
            ",",
            [3.5, 1234, 1234.5, 1234.5, 1234567, 5],
        ),
        (("3.5", "1,234", "1,234.50", "1'234.5", "1,234,567"), ".", [3.5, 1234, 1234.5, 1234.5, 1234567]),
        (("€ 3,50", "12,5 EUR", "-0,5", "5-", "３，５"), ",", [3.5, 12.5, -0.5, -5, 3.5]),
        (("$1,234.50", "US$ 5", "kr. 7"), ".", [1234.5, 5, 7]),
        (("3,5", "3.5", "1,234", "1.234"), None, [3.5, 3.5, None, None]),
        (("5", "1,234"), None, [5, None]),
        (("5", "1.234", "good", "1.2.3", ""), ".", [5, 1.234, None, None, None]),
    ],
)
def test_numbers(texts: tuple[str, ...], decimal: str | None, read: list[float | None]) -> None:
    forms, found = read_numbers(pl.Series(texts))
    assert (forms.decimal, found.to_list()) == (decimal, read)
