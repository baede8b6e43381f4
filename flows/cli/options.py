"""Options that several commands share, and the settings that they name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tasks.settings import Settings


def settings_file(given: Path | None) -> Path | None:
    """The file that was given, else polyrec.toml of the folder one stands in, if there is one.

    Who has just written one with `polyrec init` and stands beside it means that one, not the project's.
    """
    here = Path.cwd() / "polyrec.toml"
    return here if given is None and here.exists() else given


def load(config: Path | None) -> "Settings":
    """Settings of a file, else of the project; imported here, so that --help answers at once."""
    from tasks.settings import load_settings

    return load_settings(config)


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=settings_file,
        help="Settings, in TOML.",
        show_default="polyrec.toml here or of the project",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
