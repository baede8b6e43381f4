"""Options that several commands share, and how an answer is printed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

Config = Annotated[
    Path | None, typer.Option("--config", help="A TOML file of settings; polyrec.toml when not given.")
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
