import io

import pytest
from rich.console import Console

from tasks.run.progress import LINE_EVERY_S, Lines, progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def lines_of(total: int | None, clock: Clock) -> tuple[Lines, io.StringIO]:
    out = io.StringIO()
    return Lines(Console(file=out, width=20), "writing [texts]", total, "items", clock), out


def test_a_line_a_minute() -> None:
    clock = Clock()
    advance, out = lines_of(3000, clock)
    advance(500)
    assert out.getvalue() == ""
    clock.now += LINE_EVERY_S
    advance(500)
    advance(1)
    first = "writing [texts]: 1,000 of 3,000 items, 16.7 a second, 120 seconds left\n"
    assert out.getvalue() == first
    clock.now += LINE_EVERY_S
    advance(1999)
    assert out.getvalue() == first + "writing [texts]: 3,000 of 3,000 items, 25.0 a second, 0 seconds left\n"


def test_nobody_knows_how_many() -> None:
    clock = Clock()
    advance, out = lines_of(None, clock)
    clock.now += LINE_EVERY_S
    advance(0)
    clock.now += LINE_EVERY_S
    advance(60)
    assert out.getvalue() == (
        "writing [texts]: 0 items, 0.0 a second\nwriting [texts]: 60 items, 0.5 a second\n"
    )


def test_nothing_is_done_yet() -> None:
    clock = Clock()
    advance, out = lines_of(10, clock)
    clock.now += LINE_EVERY_S
    advance(0)
    assert out.getvalue() == "writing [texts]: 0 of 10 items, 0.0 a second\n"


def test_short_work_without_a_terminal_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("writing", 2, "items") as advance:
        advance(2)
    assert capsys.readouterr().err == ""


def test_a_bar_in_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("writing", 2, "items") as advance:
        advance(2)
    shown = capsys.readouterr().err
    assert "writing" in shown
    assert "2/2" in shown
