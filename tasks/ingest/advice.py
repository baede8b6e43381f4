"""What to write in the TOML when rows cannot be used."""

import re
from collections.abc import Sequence
from dataclasses import replace

from tasks.ingest.drafting.events import event_weights
from tasks.ingest.drafting.toml import toml
from tasks.ingest.findings import Problem
from tasks.settings.data import Data

ADVICE = (
    (
        "interactions",
        "item id is not in the catalogue",
        'if such items exist, add them: unknown_items = "add" in [data.interactions]',
    ),
    (
        "interactions",
        "value (?!may)",
        "if this column holds no values, name another: value = ... in [{section}]",
    ),
    (
        "interactions|searches",
        "time (cannot|is no)",
        "if these are no times, name another column: time = ... in [{section}]",
    ),
    ("items", "title is missing", "another column may name them: title = ... in [{section}]"),
    (".*", "item id left out by max_items", "keep more: max_items in [data]"),
    (".*", "user id left out by max_users", "keep more: max_users in [data]"),
    (".*", r"has \d+ fields?, not", "if most rows are like this: delimiter = ... in [{section}]"),
)
"""Pattern of the kind, begin of the reason, what to do."""

NO_WEIGHT = re.compile(r"event type '.*' has no weight", re.DOTALL)
MAX_TYPES = 20


def advised(problems: Sequence[Problem], data: Data) -> list[Problem]:
    """Problems with what to write in the TOML behind their reasons."""
    missing = _types_without_weight(problems)
    return [
        replace(problem, reason=f"{problem.reason}; {advice}") if advice else problem
        for problem in problems
        for advice in [_advice(problem, data, missing)]
    ]


def _advice(problem: Problem, data: Data, missing: Sequence[str]) -> str:
    if NO_WEIGHT.match(problem.reason):
        if _type(problem) not in missing:
            return ""
        weights = data.interactions.event_weights | event_weights(missing)
        return f"in [data.interactions]: event_weights = {toml(weights)}"
    further = {"also": "data.items.also", "joined": "data.interactions.also"}
    section = further.get(problem.kind.rstrip("0123456789"), f"data.{problem.kind}")
    for kind, reason, advice in ADVICE:
        if re.fullmatch(kind, problem.kind) and re.match(reason, problem.reason):
            return advice.format(section=section)
    return ""


def _types_without_weight(problems: Sequence[Problem]) -> list[str]:
    """The most frequent types of events that event_weights does not name."""
    return [_type(problem) for problem in problems if NO_WEIGHT.match(problem.reason)][:MAX_TYPES]


def _type(problem: Problem) -> str:
    return (problem.example.value or "").strip() if problem.example else ""
