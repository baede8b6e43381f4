"""A figure that rounds to zero has no minus: every place that writes figures asks for that (`z`, PEP 682)."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import serving.sentences
import tasks.evaluation.report
from flows.cli.printing import print_json
from flows.cli.tables import table
from flows.cli.tables.explain import explanation
from flows.cli.tables.relevance import relevance_table
from flows.cli.tables.report import report_table
from flows.cli.tables.tuning import tuning_table
from flows.cli.tables.variants import variants_table
from serving.sentences import lacking
from tests.evaluation.reports import groups, report
from tests.flows.cli.tables.printed import shown
from tests.studies.answers import labels, search, variants

MINUS_ZERO = re.compile(r"(?<![\w.])-0(\.0+)?%?(?![\w.])")
WITHOUT_Z = re.compile(r"\{[^{}]*:[+]?\.(\d|\{\w+\})[efg%]\}")
TABLES = Path(table.__file__).parent
SOURCES = [
    *TABLES.parent.rglob("*.py"),
    *map(Path, (serving.sentences.__file__, tasks.evaluation.report.__file__)),
]
EXPLAINED = {
    "title": "Alien",
    "categories": ["horror"],
    "user_id": "1",
    "item_id": "2",
    "note": None,
    "reason": "Why.",
    "rules": [],
    "rank": 1,
    "place_by_score": 1,
    "candidates": 9,
    "score": 0.5,
    "base": 0.2,
    "counterfactual": None,
    "not_listed": lacking(0.5, 0.5, 10),
    "membership": {"k": 10, "models": {"ease": 0.5}},
    "models": [
        {
            "model": "ease",
            "label": "ease",
            "contribution": 0.1,
            "share": 1.0,
            "normalised": 0.1,
            "own_rank": 1,
        }
    ],
}


def just_below_zero(value: Any) -> Any:
    """The same answer, with every float a hair below zero."""
    if isinstance(value, Mapping):
        return {key: just_below_zero(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [just_below_zero(inner) for inner in value]
    return -1e-5 if isinstance(value, float) else value


@pytest.mark.parametrize(
    ("render", "answer"),
    [
        (explanation, {**EXPLAINED, "not_listed": lacking(-1e-5, -1e-6, 10)}),
        (relevance_table, labels()),
        (report_table, {**report(), "groups": groups("test")}),
        (tuning_table, search()),
        (variants_table, variants()),
    ],
)
def test_no_table_shows_a_minus_before_zero(render: Any, answer: Mapping[str, Any]) -> None:
    printed = shown(render(just_below_zero(answer)), 200)
    assert not MINUS_ZERO.search(printed), printed
    assert re.search(r"\b0\.00", printed)


def test_no_json_has_a_minus_before_zero_or_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(
        {"a": [-0.0, (1.5, -0.0)], "b": {"c": float("nan"), "d": -1e-9}, "e": [float("inf"), -0, True]}
    )
    told = capsys.readouterr().out
    assert "-0.0" not in told
    assert json.loads(told) == {"a": [0, [1.5, 0]], "b": {"c": None, "d": -1e-9}, "e": [None, 0, True]}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_every_rounded_figure_is_written_without_the_minus_of_zero(source: Path) -> None:
    assert not WITHOUT_Z.search(source.read_text(encoding="utf-8"))
