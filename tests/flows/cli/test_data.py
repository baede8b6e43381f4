"""`polyrec data`: what it prints, and that it asks before it fetches."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app as cli
from tests.ingest.sets.publisher import publishing
from warehouse.errors import SourceError


def test_list_and_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_HOME", str(tmp_path))
    runner = CliRunner()
    with publishing() as publisher:
        monkeypatch.setenv("POLYREC_DATA__MIRROR", publisher.address)
        refused = runner.invoke(cli.app, ["data", "get", "ml-latest-small"])
        assert isinstance(refused.exception, SourceError)
        assert "Terms of ml-latest-small" in refused.stderr
        got = runner.invoke(cli.app, ["data", "get", "ml-latest-small", "--accept-licence", "--json"])
        assert got.exit_code == 0
        assert json.loads(got.stdout)["ml-latest-small.zip"]["checked"].startswith("MD5 published")
    rows = json.loads(runner.invoke(cli.app, ["data", "list", "--json"]).stdout)
    states = {row["name"]: row["state"] for row in rows}
    assert states["ml-latest-small"] == "here"
    assert states["movielens-100k"] == "embedded"
    assert states["mind-small"] == "not fetched"
    assert "goodbooks-10k" in runner.invoke(cli.app, ["data", "list"]).stdout


def test_embedded_set_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_HOME", str(tmp_path))
    answer = CliRunner().invoke(cli.app, ["data", "get", "movielens-100k"])
    assert answer.exit_code == 0
    assert "nothing to fetch" in answer.stdout
