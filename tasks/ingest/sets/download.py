"""Fetching a file: resumed where it broke off, tried again with growing pauses, renamed once it is whole."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from warehouse.errors import SourceError

TRIES = 5
PAUSE_S = 0.5
PASSING = {408, 425, 429, 500, 502, 503, 504}

Progress = Callable[[int, int | None], None]  # told how many bytes are here, of how many if that is known


class _Passing(Exception):
    """A fault that may be gone at the next try."""


def address(url: str, mirror: str) -> str:
    """Where to ask: the publisher, or a mirror that keeps files under their host's name and path.

    >>> address("https://example.org/a/b.zip", "http://127.0.0.1:8000/")
    'http://127.0.0.1:8000/example.org/a/b.zip'
    """
    parts = urlsplit(url)
    return f"{mirror.rstrip('/')}/{parts.netloc}{parts.path}" if mirror else url


def small_text(url: str) -> str:
    """The text of a small file, such as a checksum."""
    with httpx.Client(timeout=httpx.Timeout(30, connect=10), follow_redirects=True) as client:
        for turn in range(TRIES):
            try:
                answer = client.get(url)
                if answer.status_code in PASSING:
                    raise _Passing(f"it answers {answer.status_code}")
                answer.raise_for_status()
                return answer.text
            except (httpx.TransportError, _Passing) as error:
                if turn == TRIES - 1:
                    raise SourceError(f"cannot read {url}: {str(error) or type(error).__name__}") from None
                time.sleep(PAUSE_S * 2**turn)
            except httpx.HTTPStatusError as error:
                raise SourceError(f"cannot read {url}: it answers {error.response.status_code}") from None
    raise AssertionError("the last turn returns or raises")


def download(url: str, target: Path, again: str, progress: Progress = lambda done, total: None) -> Path:
    """Fetch a file to TARGET.part; the caller checks it and renames it.

    `again` is the command that goes on after a failure, for messages; `progress` is told after every chunk.

    Raises:
        SourceError: the host cannot be reached or does not give the file, or the disk is full.
    """
    part = target.with_name(f"{target.name}.part")
    host = urlsplit(url).netloc
    by_hand = f"or put the file by hand at {target}, and run `{again}`"
    target.parent.mkdir(parents=True, exist_ok=True)
    failures, best = 0, _size(part)
    with httpx.Client(timeout=httpx.Timeout(60, connect=10), follow_redirects=True) as client:
        while True:
            try:
                _transfer(client, url, part, progress)
                return part
            except (httpx.TransportError, _Passing) as error:
                failures, best = (0, _size(part)) if _size(part) > best else (failures + 1, best)
                if failures >= TRIES:
                    raise SourceError(
                        f"cannot fetch {target.name} from {host}: {str(error) or type(error).__name__}; "
                        f"see whether you are online, {by_hand}"
                    ) from None
                time.sleep(PAUSE_S * 2 ** (failures - 1))
            except httpx.HTTPStatusError as error:
                raise SourceError(
                    f"{host} answers {error.response.status_code} for {url}; look for the file elsewhere "
                    f"{by_hand}"
                ) from None
            except OSError as error:
                raise SourceError(
                    f"cannot write {part}: {error.strerror}; make room there, then run `{again}`"
                ) from None


def _transfer(client: httpx.Client, url: str, part: Path, progress: Progress) -> None:
    """One request, from where the part ends if it is of the same version of the file."""
    note = _note(part)
    version = note.read_text(encoding="utf-8") if note.exists() else ""
    start = _size(part) if version else 0
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code == 416:
            if answer.headers.get("Content-Range", "").endswith(f"/{start}"):
                return
            discard(part)
            raise _Passing("the file has changed there")
        if answer.status_code in PASSING:
            raise _Passing(f"it answers {answer.status_code}")
        answer.raise_for_status()
        given = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if answer.status_code == 206 and (given is None or int(given[1]) != start):
            discard(part)
            raise _Passing("it sent another part of the file than was asked for")
        if answer.status_code != 206:
            start = 0
            etag = answer.headers.get("ETag", "")
            strong = "" if etag.startswith("W/") else etag
            note.write_text(strong or answer.headers.get("Last-Modified", ""), encoding="utf-8")
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else None
        with part.open("ab" if start else "wb") as file:
            done = start
            # With a chunk size httpx would lose what came before a break.
            for chunk in answer.iter_raw():
                file.write(chunk)
                done += len(chunk)
                progress(done, total)


def discard(part: Path) -> None:
    """Remove a file, as far as it came, and the note of its version."""
    for path in (part, _note(part)):
        path.unlink(missing_ok=True)


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
