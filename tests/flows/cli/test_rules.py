"""`polyrec rules`: what it prints, in both forms, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app as cli
from warehouse.errors import PolyrecError

Ask = Callable[..., Any]


@pytest.fixture
def ask(filled_home: Path) -> Ask:
    """Run the command on a home with two items."""
    assert filled_home
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli.app, ["rules", *map(str, arguments)])


def test_load_list_and_remove(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "rules.csv"
    file.write_text("name,kind,items,categories,valid_until\nold,block,1,,2020-01-01\nno,block,,Crime,\n")
    loaded = ask("load", file)
    assert loaded.exit_code == 0, loaded.output
    assert "old, no: loaded" in loaded.stdout and "polyrec run --stage fusion" in loaded.stdout
    rows = json.loads(ask("--json").stdout)
    assert [(row["name"], row["state"], row["from"], row["targets"]) for row in rows] == [
        ("no", "active", "table", 1),
        ("old", "expired", "table", None),
    ]
    assert rows[0]["rule"] == {"categories": ["Crime"]}
    table = ask().stdout
    assert "expired" in table and "categories Crime" in table
    assert json.loads(ask("remove", "old", "--json").stdout) == [{"name": "old", "done": "removed"}]
    assert [row["name"] for row in json.loads(ask("--json").stdout)] == ["no"]


def test_what_is_refused(ask: Ask, tmp_path: Path) -> None:
    for arguments in (["load", tmp_path / "no.csv"], ["remove", "no"]):
        assert isinstance(ask(*arguments).exception, PolyrecError)
