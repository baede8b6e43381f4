"""The one table: at any width nothing is cut, and nothing is read as markup."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.cli.tables.table import Column, Table, figure, lines, paragraph, said, text, word
from tests.flows.cli.tables.printed import assert_whole, shown

COLUMNS = [word("model"), figure("NDCG@10"), figure("effective catalogue"), figure("difference"), text("why")]
ROW = ("two_tower", ("0.153", "0.140-0.167"), "1,234.5", ("+0.034", "(+0.021 to +0.049)"), "what people say")
FIGURES = ("0.153", "0.140-0.167", "1,234.5", "+0.034", "+0.021", "+0.049")


@pytest.mark.parametrize("width", range(34, 130))
def test_figures_are_whole_at_any_width(width: int) -> None:
    printed = shown(Table("A title of some words", COLUMNS, [ROW] * 2), width)
    assert_whole(printed, width, FIGURES * 2, ("two_tower", "A", "title", "what", "people", "say"))


def test_parts_stand_side_by_side_then_below_then_in_blocks() -> None:
    table = Table("", COLUMNS[:4], [ROW[:4]])
    heads = {width: shown(table, width).count("model") for width in (80, 60, 40)}
    assert heads == {80: 1, 60: 1, 40: 2}
    assert "0.153 0.140-0.167" in shown(table, 80)
    assert "0.153 0.140-0.167" not in shown(table, 60)


@pytest.mark.parametrize("column", [text("item"), word("item")])
def test_a_word_that_is_wider_than_the_terminal_loses_no_letter(column: Column) -> None:
    printed = shown(Table("", [column, figure("value")], [("x" * 70, "12,345")]), 30)
    assert printed.count("x") == 70 and "12,345" in printed


@pytest.mark.parametrize("title", ["[red]", "[/]", "a [b]c[/b] \\[d]", ":cat: 100% [link=x]y"])
def test_nothing_is_read_as_markup(title: str) -> None:
    rows = [(title, (title, title), lines(title, title))]
    printed = shown(Table(title, [text("a"), figure("b"), text("c")], rows), 120)
    assert printed.count(title) == 6
    assert title in shown(said(title), 80) and title in shown(paragraph(title), 80)


@given(st.text())
def test_what_would_steer_the_terminal_is_written_out(title: str) -> None:
    printed = shown(Table(title, [text("a")], [(title,)]), 80)
    assert not any(ord(c) < 32 and c != "\n" for c in printed)
    printed.encode("utf-8")


def test_spaces_and_joiners_of_a_language_stay() -> None:
    assert said("می\u200cخواهم\u00a0!").plain == "می\u200cخواهم\u00a0!"
    assert said("a\u202eb\n").plain == r"a\u202eb\n"


def test_an_empty_table_has_its_title_and_headings() -> None:
    assert shown(Table("Rules", COLUMNS, []), 80).split()[:2] == ["Rules", "model"]
