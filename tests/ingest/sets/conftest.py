import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tasks.ingest.sets import download
from tasks.ingest.sets.catalogue import SETS
from tests.ingest.sets.publisher import CONTENT, Publisher, publishing


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """A publisher of tiny sets; the stated checksums of MIND are those of its tiny files."""
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    mind = SETS["mind-small"]
    tiny = tuple(
        replace(remote, sha256=hashlib.sha256(CONTENT[remote.name]).hexdigest())
        for remote in mind.remotes("")
    )
    monkeypatch.setitem(SETS, "mind-small", replace(mind, remotes=lambda _category: tiny))
    with publishing() as server:
        yield server
