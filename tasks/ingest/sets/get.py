"""Getting a built-in set: its files fetched, checked, and noted in its manifest."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from pydantic import BaseModel

from tasks.ingest.sets.catalogue import SETS, BuiltIn, Remote, folder_of, get_command, set_of
from tasks.ingest.sets.download import Progress, address, discard, download, small_text
from warehouse.errors import SourceError

MANIFEST = "manifest.json"


class Kept(BaseModel):
    """A file of the set."""

    url: str
    bytes: int
    sha256: str
    checked: str  # against what, when it came


class Manifest(BaseModel):
    """What lies beside the files of a set."""

    licence: str = ""  # the terms that were accepted
    accepted_at: str = ""
    files: dict[str, Kept] = {}

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of a folder; an empty one where there is none."""
        path = folder / MANIFEST
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else cls()

    def write(self, folder: Path) -> None:
        """Put it into a folder, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{MANIFEST}.part"
        part.write_text(self.model_dump_json(indent=2), encoding="utf-8")
        os.replace(part, folder / MANIFEST)


def digest(path: Path, kind: str = "sha256") -> str:
    """The checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def listing(category: str, data_folder: Path) -> list[dict[str, str]]:
    """Every set, with `state`: embedded, here, or not fetched."""
    return [
        {
            **{key: getattr(one, key) for key in ("name", "about", "publisher", "licence")},
            "state": _state(one, category, data_folder),
        }
        for one in SETS.values()
    ]


def _state(one: BuiltIn, category: str, data_folder: Path) -> str:
    if one.embedded:
        return "embedded"
    folder = folder_of(one, category, data_folder)
    kept = Manifest.read(folder).files
    here = all(remote.name in kept and (folder / remote.name).exists() for remote in one.remotes(category))
    return "here" if here else "not fetched"


def get(
    name: str,
    category: str,
    data_folder: Path,
    mirror: str,
    accept: Callable[[BuiltIn], bool],
    progress: Callable[[str], Progress] = lambda name: lambda done, total: None,
) -> dict[str, Kept]:
    """Fetch what is not here yet of a set, and check what is; a `mirror` is asked instead of the publisher.

    `accept` shows the terms before the first download and says whether they are accepted; `progress` makes,
    for a file's name, what is told of its bytes.

    Raises:
        SourceError: it cannot be had; the message says why and what to do.
    """
    one = set_of(name, category)
    if one.embedded:
        return {}
    folder, again = folder_of(one, category, data_folder), get_command(one, category)
    if Manifest.read(folder).licence != one.licence and not accept(one):
        raise SourceError(
            f"{name} was not fetched: its terms were not accepted; run `{again} --accept-licence` to do so"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            manifest = Manifest.read(folder)
            if manifest.licence != one.licence:
                manifest.licence = one.licence
                manifest.accepted_at = datetime.now(UTC).isoformat(timespec="seconds")
                manifest.write(folder)
            for remote in one.remotes(category):
                if remote.name in manifest.files and (folder / remote.name).exists():
                    verify(folder, remote.name, manifest, again)
                    continue
                manifest.files[remote.name] = _fetch(remote, folder, mirror, again, progress(remote.name))
                manifest.write(folder)
    except Timeout:
        raise SourceError(f"another process fetches {name} into {folder}; wait until it is done") from None
    return manifest.files


def verify(folder: Path, name: str, manifest: Manifest, again: str) -> Path:
    """The path of a file that is as it was when it came.

    Raises:
        SourceError: it is missing, or has changed since.
    """
    path = folder / name
    if not path.exists() or name not in manifest.files:
        raise SourceError(f"{path} is missing; run `{again}`")
    found, wanted = digest(path), manifest.files[name].sha256
    if found != wanted:
        raise SourceError(
            f"{path} has changed since it was fetched: its SHA-256 is {found}, was {wanted}; "
            f"remove it, then run `{again}`"
        )
    return path


def _fetch(remote: Remote, folder: Path, mirror: str, again: str, progress: Progress) -> Kept:
    """One file, fetched unless it was put there by hand; checked against what its publisher states."""
    target, url = folder / remote.name, address(remote.url, mirror)
    by_hand = target.exists()
    path = target if by_hand else download(url, target, again, progress)
    kind, wanted, checked = "sha256", remote.sha256, f"SHA-256 stated by {urlsplit(remote.url).netloc}"
    if remote.md5_url:
        kind, checked = "md5", f"MD5 published at {remote.md5_url}"
        try:
            wanted = _md5(address(remote.md5_url, mirror))
        except SourceError:
            if not by_hand:
                raise
            checked = "nothing: put there by hand, and its publisher's checksum could not be read"
    elif not wanted:
        checked = "nothing: its publisher states no checksum; later uses are checked against this SHA-256"
    if wanted and (found := digest(path, kind)) != wanted:
        discard(path)
        raise SourceError(
            f"{remote.name} from {urlsplit(url).netloc} is damaged: its {kind.upper()} is {found}, should be "
            f"{wanted}; the file was removed, run `{again}` to fetch it anew"
        )
    kept = Kept(url=remote.url, bytes=path.stat().st_size, sha256=digest(path), checked=checked)
    if not by_hand:
        os.replace(path, target)
        discard(path)
    return kept


def _md5(url: str) -> str:
    text = small_text(url)
    found = re.search(r"\b[0-9a-f]{32}\b", text.lower())
    if found is None:
        raise SourceError(f"{url} holds no MD5: {text[:60]!r}; try again later")
    return found[0]
