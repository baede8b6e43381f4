import io
from threading import enumerate as threads

import pytest
from rich.console import Console

from tasks.run.progress import LINE_EVERY_S, QUIET_S, Lines, progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def lines_of(total: int | None, clock: Clock) -> tuple[Lines, io.StringIO]:
    out = io.StringIO()
    return Lines(Console(file=out, width=20), "writing [texts]", total, "items", clock), out


def test_a_line_every_half_minute() -> None:
    assert LINE_EVERY_S <= 30
    clock = Clock()
    advance, out = lines_of(3000, clock)
    advance(500)
    assert out.getvalue() == ""
    clock.now += LINE_EVERY_S
    advance(500)
    advance(1)
    first = "writing [texts]: 1,000 of 3,000 items, 33.3 a second, 60 seconds left\n"
    assert out.getvalue() == first
    clock.now += LINE_EVERY_S
    advance(1999)
    assert out.getvalue() == first + "writing [texts]: 3,000 of 3,000 items, 50.0 a second, 0 seconds left\n"


def test_a_line_though_no_unit_is_done() -> None:
    """As the block starts, every half minute while nothing calls, and as it ends."""
    clock = Clock()
    lines, out = lines_of(3, clock)
    lines(0, now="ease")

    def wait(seconds: float) -> bool:
        over = clock.now > 150
        clock.now += seconds / 2 if over else seconds
        if clock.now >= 132:
            lines(1, now="slit")
        return over

    lines.beat(wait)
    lines.end()
    assert out.getvalue().splitlines() == [
        "writing [texts]: 0 of 3 items, 2 seconds so far; now ease",  # after QUIET_S
        "writing [texts]: 1 of 3 items, 1.9 a minute, 64 seconds left; now slit",  # 30 s later
        "writing [texts]: 2 of 3 items, 1.9 a minute, 31 seconds left; now slit",
        "writing [texts]: 3 of 3 items, done in 77 seconds",
    ]
    assert QUIET_S == 2


def test_nobody_knows_how_many() -> None:
    clock = Clock()
    advance, out = lines_of(None, clock)
    clock.now += LINE_EVERY_S
    advance(0)
    clock.now += LINE_EVERY_S
    advance(60)
    assert out.getvalue() == (
        "writing [texts]: 0 items, 30 seconds so far\nwriting [texts]: 60 items, 1.0 a second\n"
    )


def test_nothing_is_done_yet() -> None:
    clock = Clock()
    advance, out = lines_of(10, clock)
    clock.now += LINE_EVERY_S
    advance(0)
    assert out.getvalue() == "writing [texts]: 0 of 10 items, 30 seconds so far\n"


def test_short_work_without_a_terminal_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("writing", 2, "items") as advance:
        advance(2)
    assert capsys.readouterr().err == ""


def test_the_thread_ends_with_the_work() -> None:
    with pytest.raises(ZeroDivisionError), progress("writing", 2, "items"):
        assert "progress" in {thread.name for thread in threads()}
        raise ZeroDivisionError
    assert "progress" not in {thread.name for thread in threads()}


def test_a_bar_in_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("writing", 2, "items") as advance:
        advance(2, now="ease")
    shown = capsys.readouterr().err
    assert "writing" in shown
    assert "2/2" in shown
    assert "ease" in shown
