"""Tests side by side: `pytest -n 2`. Which go to one process, and which begin."""

import os
import re
from functools import cache
from typing import Any

import pytest

from tasks.settings import PROJECT

IN_PARALLEL = "PYTEST_XDIST_WORKER" in os.environ
"""Whether this is one of the processes."""
# Files that ask for one of these fixtures share what it makes.
SHARED = {
    "the finished run and its Prefect server": r"\b(finished: Home|prefect_api: str|small: \w+)\b",
    "servers of their own": r"\bservers_home: Path\b",
}
# The longest. While one process makes Prefect's tables, the other one converts the model; then each finds the
# other's ready.
FIRST = [next(iter(SHARED)), "tests/models/test_engines.py", "tests/corpus/test_killing.py", *SHARED]


@cache
def group_of(file: str) -> str:
    """Name what the tests of a file share with those of others, or the file, for its own fixtures."""
    text = (PROJECT / file).read_text(encoding="utf-8")
    return next((name for name, asked in SHARED.items() if re.search(asked, text)), file)


def _group(nodeid: str) -> str:
    return group_of(nodeid.partition("::")[0])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first."""
    if IN_PARALLEL:
        items.sort(key=lambda item: (*FIRST, group := _group(item.nodeid)).index(group))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Keep groups in one process. (xdist 3.8's own groups are not heard by pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return ByGroup(config, log)
