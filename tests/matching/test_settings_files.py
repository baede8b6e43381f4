from pathlib import Path

import pytest

from tasks.matching import registry
from tasks.settings import PROJECT, load_settings
from tests.matching.toys import checkerboard

FILES = sorted((PROJECT / "benchmarks" / "settings").glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_settings_of_benchmarks_make_matchers_that_fit(path: Path) -> None:
    settings = load_settings(path)
    for name in settings.matching.matchers:
        matcher = registry.build(name, settings.matching)
        matcher.fit(checkerboard())
        assert matcher.name == name
