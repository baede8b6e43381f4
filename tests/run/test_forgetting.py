"""A person is gone from a whole home: warehouse, saved matchers, what MLflow keeps."""

import json
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from flows.cli import app as cli
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from tests.empty import with_tracking
from tests.warehouse.conftest import fill
from tests.warehouse.test_forgetting import PERSON
from warehouse.connection import writing


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that knows the person."""
    home = tmp_path_factory.mktemp("home")
    settings = with_tracking(Settings(home=home))
    (home / "polyrec.toml").write_text(f"home = '{home}'\n")
    with writing(settings.data_folder, "a test") as warehouse:
        fill(warehouse)
        warehouse.append("core.users", pl.DataFrame({"user_id": [PERSON]}))
    saved = settings.data_folder / "matchers" / "all" / "ease"
    saved.mkdir(parents=True)
    (saved / "model.json").write_text("{}")
    tracking = Tracking(settings)
    lists = pl.DataFrame(
        {"user_id": [PERSON, "b"], "rank": [1, 1], "item_id": ["1", "2"], "score": [0.5, 0.25]}
    )
    with tracking.run("fusion", "search") as run_id:
        tracking.set_champion(tracking.register_fusion(run_id, {}, lists))
    examples = list(settings.mlflow_folder.rglob("*input_example.json"))
    assert examples and not [path for path in examples if PERSON in path.read_text()]
    for path in examples:  # as earlier versions wrote them
        path.write_text(path.read_text().replace("a user id", PERSON))
    return home


def polyrec(monkeypatch: pytest.MonkeyPatch, home: Path, *arguments: str) -> int:
    monkeypatch.setattr(cli, "_leave", lambda code: None)
    monkeypatch.setattr(sys, "argv", ["polyrec", *arguments, "--config", str(home / "polyrec.toml")])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def names_person(home: Path) -> list[str]:
    return [
        str(path)
        for path in home.rglob("*")
        if path.is_file()
        and (
            PERSON.encode() in path.read_bytes()
            or (path.suffix == ".parquet" and PERSON in str(pl.read_parquet(path).rows()))
        )
    ]


def test_unknown_user_is_one_line(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags in ((), ("--yes",), ("--yes", "--json")):
        assert polyrec(monkeypatch, made, "forget", "nobody", *flags) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.splitlines() == [
            "polyrec: no user 'nobody' in any table; see the ids with `polyrec export`"
        ]
    assert polyrec(monkeypatch, made, "forget", PERSON, "--json") == 2
    assert "--yes" in capsys.readouterr().err


def test_an_empty_home_stays_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "polyrec.toml").write_text(f"home = '{tmp_path}'\n")
    assert polyrec(monkeypatch, tmp_path, "forget", "a", "--yes") == 2
    assert "there is no warehouse" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["polyrec.toml"]


def test_no_at_the_question_removes_nothing(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.confirm", _refuse)
    before = names_person(made)
    assert polyrec(monkeypatch, made, "forget", PERSON) != 0
    assert names_person(made) == before != []


def _refuse(question: str, abort: bool) -> None:
    assert "for good" in question and abort
    raise SystemExit(1)


def test_a_person_is_forgotten_everywhere(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {Path(path).name for path in names_person(made)}
    assert places == {"polyrec.duckdb", "lists.parquet", "input_example.json", "serving_input_example.json"}
    assert polyrec(monkeypatch, made, "forget", PERSON, "--yes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tables"] == {"core.users": 1}
    assert told["matchers"] == ["all/ease"]
    assert sorted(Path(path).name for path in told["tracked"]) == sorted(places - {"polyrec.duckdb"})
    assert names_person(made) == []
    answer = Tracking(Settings(home=made)).load_champion().predict(pd.DataFrame({"user_id": [PERSON, "b"]}))
    assert list(answer["user_id"]) == ["b"]
    assert polyrec(monkeypatch, made, "forget", PERSON, "--yes") == 0  # again: nothing is left to do
    assert polyrec(monkeypatch, made, "forget", "b", "--yes") == 0
    out = capsys.readouterr().out
    for words in ("core.interactions: 1 row\n", "lists.parquet: 1 row\n", "polyrec export"):
        assert words in out
