"""How a benchmark shows its figures."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType


def show(
    values: Mapping[str, Any],
    tables: Iterable[RenderableType],
    file: Path | None,
    console: Console | None = None,
) -> None:
    """Print tables, and write the figures to a file where one is named."""
    console = console or Console()
    for table in tables:
        console.print(table)
    if file:
        file.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
