"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None, typer.Option("--config", help="A TOML file of settings; polyrec.toml when not given.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
