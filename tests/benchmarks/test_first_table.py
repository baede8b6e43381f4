"""Published forms of public data sets: drafted, right, nothing passed over."""

import json
from pathlib import Path

import pytest

from benchmarks.first_table import judge, lost, main, wrong_roles
from benchmarks.first_table_sets import SETS


@pytest.mark.parametrize("name", SETS)
def test_draft_is_right_at_once(tmp_path: Path, name: str) -> None:
    found = judge(name, tmp_path / "set")
    assert found["drafted"]
    assert (found["wrong"], found["lost"]) == ([], [])


def test_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.first_table.SETS", {name: SETS[name] for name in ("Steam 200k", "KKBox")})
    assert main(["--json", str(tmp_path / "figures.json")]) == 0
    values = json.loads((tmp_path / "figures.json").read_text())
    counts = {name: values[name] for name in ("sets", "drafted", "right_first_time", "silent_losses")}
    assert counts == {"sets": 2, "drafted": 2, "right_first_time": 2, "silent_losses": 0}


def test_what_is_wrong_and_what_is_lost_is_told(tmp_path: Path) -> None:
    written = {"items": {"id": "sku"}, "interactions": {"value": "price"}}
    truth = {"items.id": ("sku", "ean"), "items.title": "name", "interactions.value": None}
    assert wrong_roles(written, truth) == [
        "items.title: None, not name",
        "interactions.value: price, not None",
    ]
    (tmp_path / "a.csv").write_text("sku,colour\n1,red\n")
    (tmp_path / "b.csv").write_text("x,y\n1,2\n")
    assert lost("# a.csv: sku", tmp_path) == ["a.csv: colour", "b.csv", "b.csv: x", "b.csv: y"]
