"""The mean over the draws of cold_item."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.cli.app import app
from tasks.evaluation.draws import mean_of_draws
from warehouse.errors import PolyrecError


def report(draw: int, ndcg: float, **changes: Any) -> dict[str, Any]:
    values = {
        "dataset": "films",
        "protocol": "cold_item",
        "seed": 0,
        "items": 50,
        "users": 9,
        "interactions": 300,
        "draw": draw,
        "models": {"ease": {"test": {"ndcg_at_10": ndcg / 2, "intervals": {}}}},
        "fusion": {
            "test": {"ndcg_at_10": ndcg, "ndcg_ci": [0, 1]},
            "weights": {"ease": 1.0},
            "diversity": 0.1,
        },
    }
    if draw:  # a figure that one draw lacks
        values["fusion"]["test"]["ild_at_10"] = 0.5
    return {**values, **changes}


def test_mean_and_standard_error_in_any_order() -> None:
    reports = [
        report(draw, ndcg) for draw, ndcg in zip((3, 0, 4, 1, 2), (0.1, 0.2, 0.3, 0.4, 0.5), strict=True)
    ]
    figures = mean_of_draws(reports)
    assert set(figures) == {"ease", "fusion"}
    assert figures["fusion"]["test"] == {
        "ndcg_at_10": {"mean": pytest.approx(0.3), "standard_error": pytest.approx(0.005**0.5)}
    }
    assert figures["ease"]["test"]["ndcg_at_10"]["mean"] == pytest.approx(0.15)


def test_what_is_no_set_of_draws_is_refused() -> None:
    whole = [report(draw, 0.1) for draw in range(5)]
    with pytest.raises(PolyrecError, match=r"draws \[0, 1, 2, 3\], need one of each of 0 to 4"):
        mean_of_draws(whole[:4])
    with pytest.raises(PolyrecError, match=r"draws \[0, 0, 1, 2, 3\]"):
        mean_of_draws([*whole[:4], whole[0]])
    with pytest.raises(PolyrecError, match="reports differ in seed"):
        mean_of_draws([*whole[:4], report(4, 0.1, seed=1)])


def ask(folder: Path, reports: list[Any], *arguments: str) -> Result:
    files = []
    for number, one in enumerate(reports):
        file = folder / f"{number}.json"
        file.write_text(json.dumps(one), encoding="utf-8")
        files += ["--draws", str(file)]
    return CliRunner().invoke(app, ["report", *files, *arguments])


def test_command_takes_files(tmp_path: Path) -> None:
    reports = [report(draw, draw / 10) for draw in range(5)]
    assert json.loads(ask(tmp_path, reports, "--json").output) == mean_of_draws(reports)
    table = ask(tmp_path, reports).output
    assert "ndcg_at_10" in table and "0.200" in table and "0.071" in table


def test_command_says_which_file_holds_no_report(tmp_path: Path) -> None:
    told = str(ask(tmp_path, [report(0, 0.1), [1]]).exception)
    assert "1.json holds JSON, but no report" in told
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    told = str(CliRunner().invoke(app, ["report", "--draws", str(broken)]).exception)
    assert "broken.json holds no report" in told and "polyrec report --json" in told
    assert "need one of each of 0 to 4" in str(ask(tmp_path, [report(0, 0.1)]).exception)
