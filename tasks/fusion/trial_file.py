"""Trials of a search in a file, one line each, so that a search that was stopped goes on where it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TrialFile:
    """Appends a line a trial; a line that a kill cut short does not count."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, and cut off what is no whole line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        whole = path.read_bytes() if path.exists() else b""
        whole = whole[: whole.rfind(b"\n") + 1]
        path.write_bytes(whole)
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in whole.splitlines()]
        """What is in it, in order."""

    def append(self, row: Mapping[str, Any]) -> None:
        """Write a trial down; floats keep all their digits."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
