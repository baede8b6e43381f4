"""Options that several commands share, and how an answer is printed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console

if TYPE_CHECKING:
    from tasks.settings import Settings
    from warehouse.sql import Reader


def settings_file(given: Path | None) -> Path | None:
    """The file that was given, else polyrec.toml of the folder one stands in, if there is one.

    Who has just written one with `polyrec init` and stands beside it means that one, not the project's.
    """
    here = Path.cwd() / "polyrec.toml"
    return here if given is None and here.exists() else given


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=settings_file,
        help="Settings, in TOML [default: polyrec.toml here or of the project]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


Answer = TypeVar("Answer")


def print_json(values: Any) -> None:
    """Print values as JSON; times as text."""
    print(json.dumps(values, indent=2, ensure_ascii=False, default=str))


def print_answer(values: Answer, as_json: bool, render: Callable[[Answer], Any]) -> None:
    """Print an answer as JSON, or as what `render` makes of it."""
    if as_json:
        print_json(values)
    else:
        Console().print(render(values))


def alert_of(reader: "Reader", settings: "Settings") -> str | None:
    """What is wrong with the age of the lists that are served; None when nothing is."""
    from tasks.fusion.publications import freshness

    found = freshness(reader, settings.fusion.max_list_age_hours, datetime.now(UTC))
    return found.alert if found else None


def alert_of_published(config: Path | None) -> str | None:
    """The same of what is published now, if anything is; settings that cannot be used say nothing here."""
    from tasks.settings import load_settings
    from warehouse.errors import PolyrecError
    from warehouse.snapshot import reading

    try:
        settings = load_settings(config)
        with reading(settings.data_folder) as snapshot:
            return alert_of(snapshot, settings)
    except PolyrecError:
        return None


def warn(alert: str | None) -> None:
    """Print an alert as one line on stderr, so that what reads stdout is not disturbed."""
    if alert:
        Console(stderr=True, soft_wrap=True).print(
            f"polyrec: warning: {alert}", style="yellow", markup=False, highlight=False
        )
