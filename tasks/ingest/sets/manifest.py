"""What is known of the files of a set: where they came from, their checksums, which terms were accepted."""

import hashlib
import json
import os
from pathlib import Path

from pydantic import BaseModel

NAME = "manifest.json"


class Kept(BaseModel):
    """A file of the set."""

    url: str
    bytes: int
    sha256: str
    checked: str
    """Against what it was checked when it came."""


class Manifest(BaseModel):
    """What lies beside the files of a set."""

    licence: str = ""
    """The terms that were accepted."""
    accepted_at: str = ""
    files: dict[str, Kept] = {}

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of a folder; an empty one where there is none."""
        path = folder / NAME
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else cls()

    def write(self, folder: Path) -> None:
        """Put it into a folder, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{NAME}.part"
        part.write_text(self.model_dump_json(indent=2), encoding="utf-8")
        os.replace(part, folder / NAME)


def digest(path: Path, kind: str = "sha256") -> str:
    """The checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
