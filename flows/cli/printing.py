"""How commands print: an answer as a table or as JSON, a line, an error, a warning."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console

from flows.cli.options import load
from flows.cli.tables.table import said
from warehouse.errors import PolyrecError

if TYPE_CHECKING:
    from tasks.settings import Settings
    from warehouse.sql import Reader

Answer = TypeVar("Answer")


def print_json(values: Any) -> None:
    """Print values as JSON; times as text, numbers without the minus of zero."""
    print(json.dumps(_plain(values), indent=2, ensure_ascii=False, default=str))


def _plain(values: Any) -> Any:
    """The same with 0.0 for -0.0, and null for what is no number: JSON knows no NaN."""
    if isinstance(values, float):
        return values + 0.0 if math.isfinite(values) else None
    if isinstance(values, Mapping):
        return {key: _plain(value) for key, value in values.items()}
    return [_plain(value) for value in values] if isinstance(values, list | tuple) else values


def print_answer(values: Answer, as_json: bool, render: Callable[[Answer], Any]) -> None:
    """Print an answer as JSON, or as what `render` makes of it."""
    if as_json:
        print_json(values)
    else:
        Console().print(render(values))


def say(sentence: str) -> None:
    """Print a sentence, wrapped between words."""
    Console().print(said(sentence))


def show(line: str) -> None:
    """Print a line that may be copied: a command or a path, in one piece however long."""
    Console().print(said(line), soft_wrap=True)


def complain(line: str, style: str) -> None:
    """Print one line on stderr, so that what reads stdout is not disturbed."""
    joined = "; ".join(part.strip() for part in line.splitlines() if part.strip())
    Console(stderr=True).print(said(f"polyrec: {joined}", style), soft_wrap=True)


def warn(alert: str | None) -> None:
    """Print an alert, if there is one."""
    if alert:
        complain(f"warning: {alert}", "yellow")


def alert_of(reader: "Reader", settings: "Settings") -> str | None:
    """What is wrong with the age of the lists that are served; None when nothing is."""
    from tasks.fusion.publications import freshness

    found = freshness(reader, settings.fusion.max_list_age_hours, datetime.now(UTC))
    return found.alert if found else None


def alert_of_published(config: Path | None) -> str | None:
    """The same of what is published now, if anything is; settings that cannot be used say nothing here."""
    from warehouse.snapshot import reading

    try:
        settings = load(config)
        with reading(settings.data_folder) as snapshot:
            return alert_of(snapshot, settings)
    except PolyrecError:
        return None
