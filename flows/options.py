"""Options that several commands share, and how an answer is printed."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

Config = Annotated[
    Path | None, typer.Option("--config", help="A TOML file of settings; polyrec.toml when not given.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def print_answer(
    values: Mapping[str, Any], as_json: bool, render: Callable[[Mapping[str, Any]], Any]
) -> None:
    """Print an answer as JSON, or as what `render` makes of it."""
    if as_json:
        print(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        Console().print(render(values))
