"""Commands on a finished home at 60, 80 and 120 columns: every figure of --json that they show is whole."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flows.cli.run import print_outcome
from tests.flows.cli.tables import expected
from tests.flows.cli.tables.printed import WIDTHS, assert_whole
from tests.flows.commands import Answer
from tests.homes import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FIGURES: dict[str, Callable[[Any], Iterator[str]]] = {
    "report": expected.figures_of_report,
    "recommend USER": expected.figures_of_list,
    "recommend --history 1,7 --k 4": expected.figures_of_list,
    "explain USER ITEM --membership": expected.figures_of_explanation,
    "texts 1": expected.figures_of_texts,
    "texts report": expected.figures_of_quality,
    "publications": expected.figures_of_publications,
    "check": lambda answer: (f"{answer[name]:,}" for name in ("items", "users", "interactions")),
    "data list": lambda rows: (row["about"] for row in rows),
    "rules": lambda rows: (row["name"] for row in rows),
}


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What commands answered in JSON, at any width."""
    return {}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", FIGURES)
def test_command(
    ask: Callable[..., Answer],
    user: str,
    answers: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    width: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    words = command.replace("USER", user).split()
    if "ITEM" in words:
        listed = json.loads(ask("recommend", user, "--k", 2, "--json").out)["items"]
        words[words.index("ITEM")] = listed[1]["item_id"]
    if command not in answers:
        answers[command] = json.loads(ask(*words, "--json").out)
    assert_whole(ask(*words).out, width, FIGURES[command](answers[command]))


@pytest.mark.parametrize("width", WIDTHS)
def test_end_of_a_run(
    ask: Callable[..., Answer],
    finished: Home,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
) -> None:
    answer = json.loads(ask("report", "--json").out)
    monkeypatch.setenv("COLUMNS", str(width))
    print_outcome(finished.settings)
    printed = capsys.readouterr().out
    assert_whole(printed, width, expected.figures_of_report(answer))
    assert "Look further:" in printed and printed.count("Recommended to user") == 3
