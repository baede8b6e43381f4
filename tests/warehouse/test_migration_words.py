"""A home that version 0.1 made, before names changed: its tables, its fitted matchers, its snapshot."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tasks.matching.base import read_description
from warehouse.columns import LISTS
from warehouse.connection import DATABASE, writing
from warehouse.errors import WarehouseError
from warehouse.migrate import MIGRATIONS, migrate
from warehouse.snapshot import (
    current_snapshot,
    point_readers_at,
    reading,
    reconcile_snapshot,
    write_snapshot,
)

OLD, NEW = "rarity", "inverse_popularity"
EASE = {"regularisation": 500.0, "content": 10.0, "nearness": 0.5, "near_half_life_items": 8.0}
EASE_NOW = {
    "regularisation": 500.0,
    "side_information_weight": 10.0,
    "temporal_co_occurrence": 0.5,
    "co_occurrence_half_life_items": 8.0,
}
PARAMETERS = {
    "ease": EASE,
    "ease_plain": EASE,
    "infinite_ae": {"content": 0.6},
    OLD: {"half_life_days": 365.0},
    "cosine_max": {"reduction": "max", "whitening": 0.2},
    "external_model": {"name": "external_model", "files": "scores-{fit}.parquet"},
}
KEPT = "planted instruction: stays"
ITEMS = ["1", "2", "3"]
PROJECT = Path(__file__).resolve().parents[2]
READ = """
import sys
from pathlib import Path
from warehouse.snapshot import reading
with reading(Path(sys.argv[1])) as snapshot:
    print(snapshot.path.name)
"""
READ_AND_DIE = """
import os, signal, sys
from pathlib import Path
from warehouse import migrate
from warehouse.snapshot import reading

owner = migrate if sys.argv[2] == "load_sql" else Path
original, left = getattr(owner, sys.argv[2]), iter(range(int(sys.argv[3])))

def step_or_die(*args):
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args)

setattr(owner, sys.argv[2], step_or_die)
with reading(Path(sys.argv[1])):
    pass
"""


def old_model() -> dict[str, str]:
    """What version 0.1 kept of a fusion model, in two columns of JSON."""
    weights = {"ease": 0.25, OLD: 0.75}
    model = {
        "method": "gated",
        "gate": {"matchers": ["ease", OLD], "mean": [0.0]},
        "diverse": {"weights": weights, "diversity": 0.5, "category_cap": 0},
        "contest": [{"method": "weighted", "ndcg": 0.5}],
    }
    return {"weights": json.dumps(weights), "model": json.dumps(model)}


def old_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """The tables of version 0.1, with a little of everything that holds a name."""
    earlier = folder / "earlier"
    earlier.mkdir()
    for path in MIGRATIONS.glob("m*.sql"):
        if path.stem <= "m015_diverse_lists":
            (earlier / path.name).write_bytes(path.read_bytes())
    migrate(connection, earlier)
    kept = old_model()
    record = {"normaliser": "zscore", "diversity": 0.125, **kept}
    halves = json.dumps({"models": [record, record], "seed": 3, "last_of_half_0": "ab"})
    for fit in ("train", "all"):
        for matcher, parameters in PARAMETERS.items():
            connection.execute(
                "insert into matching.models values (?, ?, ?, 1.5, 0.5, 'print', null)",
                [fit, matcher, json.dumps(parameters)],
            )
            connection.execute(
                "insert into matching.scores values ('r', ?, ?, 'u', '1', 0.5, 1, null)", [fit, matcher]
            )
    connection.execute(
        """insert into serving.fusion_models by name
            select 'f' as fusion_id, 'print' as fingerprint, 'zscore' as normaliser, 0.125 as diversity,
                $weights as weights, $model as model, $halves as halves, 'm' as mlflow_run_id,
                now() as created_at""",
        {**kept, "halves": halves},
    )
    connection.execute(
        """insert into serving.publications by name
            select 'p' as publication_id, 'f' as fusion_id, 'd' as data_fingerprint, 'l' as lists_hash,
                'published' as state, now() as created_at"""
    )
    connection.execute("insert into serving.current values (true, 'p')")
    for table in ("recommendations", "diverse_lists"):
        connection.execute(
            f"""insert into serving.{table} by name
                select 'p' as publication_id, 'u' as user_id, unnest([1, 2]) as rank, '1' as item_id,
                    0.5 as score, unnest([
                        map {{'rarity': -0.25, 'ease': 0.75}}, map {{'ease': 0.5, 'external_model': 0.0}}
                    ]) as contributions"""
        )
    connection.execute(
        """insert into serving.candidates
            values ('p', 'u', ['ease', 'rarity'], ['1', '2'], [0.1, 0.2, 0.3, 0.4], null)"""
    )
    connection.execute(
        """insert into core.items by name
            select unnest(['1', '2', '3']) as item_id, 'rarity' as title, ['content'] as categories,
                'h' as content_hash"""
    )
    connection.execute(
        """insert into features.texts by name
            select unnest(['t', 'u']) as text_id, '1' as item_id, 0 as slot, 'a' as angle, 'e' as engine,
                'h' as prompt_hash, 'planted instruction: stays' as prompt, 1 as pass, 1 as attempt,
                0 as seed, 'planted instruction: stays' as text, 1 as n_tokens, true as whole_sentence,
                'quarantined' as status, unnest([?, null]) as reason""",
        ["planted instruction: it gives or follows an order"],
    )


def old_matchers(folder: Path) -> None:
    """The fitted matchers of version 0.1."""
    for fit in ("train", "all"):
        for name, parameters in PARAMETERS.items():
            place = folder / "matchers" / fit / name
            place.mkdir(parents=True)
            arrays = {"n_users": np.array([4]), "item_item": np.eye(3, dtype=np.float32)}
            if name not in (OLD, "cosine_max"):
                arrays["history_start"] = np.arange(5)
            save_file(arrays, place / "model.safetensors")
            kind = "external" if name == "external_model" else name
            described = {"format": 2, "name": name, "kind": kind, "parameters": parameters}
            (place / "model.json").write_text(json.dumps(described))
        manifest = {"fingerprint": "print", "matchers": list(PARAMETERS), "item_ids": ITEMS, "kept_out": [1]}
        (folder / "matchers" / fit / "fit.json").write_text(json.dumps(manifest))


@pytest.fixture
def old_home(tmp_path: Path) -> Path:
    """The warehouse's folder of a home of version 0.1, its snapshot as that version wrote it."""
    folder = tmp_path / "data"
    (folder / "snapshots").mkdir(parents=True)
    with duckdb.connect(folder / DATABASE) as connection:
        old_tables(connection, tmp_path)
        snapshot = folder / "snapshots" / "snapshot-p.duckdb"
        connection.execute(f"attach '{snapshot}' as snapshot; create schema snapshot.serving")
        for table in ("current", "fusion_models", "publications", "recommendations"):
            connection.execute(f"create table snapshot.serving.{table} as from serving.{table}")
        connection.execute("detach snapshot")
    point_readers_at(snapshot)
    old_matchers(folder)
    return folder


def rows(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    with writing(folder, "a test") as warehouse:
        return warehouse.run(statement)


def test_tables_have_today_s_names_and_the_same_values(old_home: Path) -> None:
    for table in ("matching.scores", "matching.models"):
        found = rows(old_home, f"select fit, matcher from {table} order by all")
        names = sorted(NEW if name == OLD else name for name in PARAMETERS)
        assert found == [(fit, name) for fit in ("all", "train") for name in names]
    assert set(rows(old_home, "select user_id, item_id, score, own_rank from matching.scores")) == {
        ("u", "1", 0.5, 1)
    }
    parameters = dict(rows(old_home, "select matcher, parameters from matching.models where fit = 'all'"))
    assert json.loads(parameters["ease"]) == json.loads(parameters["ease_plain"]) == EASE_NOW
    assert json.loads(parameters["infinite_ae"]) == PARAMETERS["infinite_ae"]
    assert json.loads(parameters[NEW]) == PARAMETERS[OLD]
    for table in ("recommendations", "diverse_lists"):
        found = rows(old_home, f"select rank, score, contributions from serving.{table} order by rank")
        assert [(rank, score) for rank, score, _ in found] == [(1, 0.5), (2, 0.5)]
        assert [list(given.items()) for *_, given in found] == [
            [(NEW, -0.25), ("ease", 0.75)],
            [("ease", 0.5), ("external_model", 0.0)],
        ]
    assert rows(old_home, "select matchers, item_ids, scores, facts from serving.candidates") == [
        (["ease", NEW], ["1", "2"], pytest.approx([0.1, 0.2, 0.3, 0.4]), None)
    ]
    assert rows(old_home, "select distinct title, categories from core.items") == [("rarity", ["content"])]
    assert rows(old_home, "select text_id, text, prompt, reason from features.texts order by text_id") == [
        ("t", KEPT, KEPT, "prompt injection: it gives or follows an order"),
        ("u", KEPT, KEPT, None),
    ]
    assert rows(old_home, "select distinct fingerprint from matching.models") == [("print",)]


def test_fusion_models_have_folds(old_home: Path) -> None:
    ((weights, model, folds),) = rows(old_home, "select weights, model, folds from serving.fusion_models")
    expected = {"ease": 0.25, NEW: 0.75}
    kept = json.loads(folds)
    assert (kept["seed"], kept["last_of_fold_0"], set(kept)) == (
        3,
        "ab",
        {"models", "seed", "last_of_fold_0"},
    )
    for record in ({"weights": weights, "model": model}, *kept["models"]):
        assert json.loads(record["weights"]) == expected
        values = json.loads(record["model"])
        assert values["gate"] == {"matchers": ["ease", NEW], "mean": [0.0]}
        assert values["diverse"] == {"weights": expected, "diversity": 0.5, "category_cap": 0}
        assert values["model_selection"] == [{"method": "weighted", "ndcg": 0.5}]
        assert "contest" not in values


def test_a_reader_brings_the_home_up_to_date(old_home: Path) -> None:
    with reading(old_home) as snapshot:
        found = snapshot.query("published_list", lists=LISTS, user_id="u", limit=1)
        assert found["contributions"].to_list() == [{NEW: -0.25, "ease": 0.75}]
        assert "folds" in snapshot.query("fusion_model", fusion_id="f").columns
    path = current_snapshot(old_home)
    assert path is not None and path.name == "snapshot-p.2.duckdb"
    with writing(old_home, "a test") as warehouse:
        assert reconcile_snapshot(warehouse) is None
    assert current_snapshot(old_home) == path


def test_saved_matchers_are_of_today(old_home: Path) -> None:
    with reading(old_home):
        pass
    for fit in ("train", "all"):
        folder = old_home / "matchers" / fit
        manifest = json.loads((folder / "fit.json").read_text())
        names = [NEW if name == OLD else name for name in PARAMETERS]
        assert manifest == {"fingerprint": "print", "matchers": names, "item_ids": ITEMS, "kept_out": [1]}
        assert sorted(path.name for path in folder.iterdir()) == sorted([*names, "fit.json"])
        for name in names:
            arrays = load_file(folder / name / "model.safetensors")
            assert ("n_items" in arrays) == ("history_start" in arrays)
            assert arrays.get("n_items", [3]) == [3]
            assert (arrays["item_item"] == np.eye(3)).all() and arrays["n_users"] == [4]
            expected = {**PARAMETERS[OLD if name == NEW else name]}
            expected.pop("reduction", None)
            described = name, EASE_NOW if name.startswith("ease") else expected
            assert read_description(folder / name) == described


@pytest.mark.parametrize("published", [True, False])
def test_a_writer_brings_saved_matchers_up_to_date(old_home: Path, published: bool) -> None:
    """Without a publication there is nothing for readers, and a writer may write their snapshot itself."""
    if not published:
        shutil.rmtree(old_home / "snapshots")
    with writing(old_home, "a test") as warehouse:
        if published:
            write_snapshot(warehouse, "p")
        else:
            warehouse.run("delete from serving.current")
            assert reconcile_snapshot(warehouse) is None
    assert read_description(old_home / "matchers" / "all" / NEW) == (NEW, PARAMETERS[OLD])


@pytest.mark.parametrize("number", [1, 4])
def test_matchers_of_another_format_stay_as_they_are(old_home: Path, number: int) -> None:
    file = old_home / "matchers" / "all" / "ease" / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": number}))
    before = file.read_bytes()
    with reading(old_home):
        pass
    assert file.read_bytes() == before


def whole(folder: Path) -> tuple[dict[str, bytes], list[tuple[Any, ...]]]:
    """Saved matchers byte by byte, and lists."""
    files = [path for path in (folder / "matchers").rglob("*") if path.is_file() and path.suffix != ".tmp"]
    saved = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    return saved, rows(folder, "select * from serving.recommendations order by all")


@pytest.mark.parametrize(
    ("step", "calls"), [("load_sql", 2), ("rename", 1), ("replace", 9), ("replace", 20), ("replace", 24)]
)
def test_a_kill_on_the_way_is_made_good(old_home: Path, tmp_path: Path, step: str, calls: int) -> None:
    wanted = shutil.copytree(old_home, tmp_path / "wanted")
    with reading(wanted):
        pass
    command = [sys.executable, "-c", READ_AND_DIE, str(old_home), step, str(calls)]
    killed = subprocess.run(command, cwd=PROJECT, check=False)
    assert killed.returncode == -signal.SIGKILL
    with reading(old_home):
        assert whole(old_home) == whole(wanted)


def test_readers_wait_for_a_writer_and_one_of_them_brings_the_home_up_to_date(old_home: Path) -> None:
    command = [sys.executable, "-c", READ, str(old_home)]
    with ExitStack() as resources:
        with writing(old_home, "a long run"):
            readers = [
                resources.enter_context(
                    subprocess.Popen(
                        command, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
                    )
                )
                for _ in range(2)
            ]
            for reader in readers:
                assert reader.stderr is not None and "a long run" in reader.stderr.readline()
        assert [reader.communicate(timeout=60)[0] for reader in readers] == ["snapshot-p.2.duckdb\n"] * 2


def of_a_newer_version(folder: Path) -> None:
    path = current_snapshot(folder)
    assert path is not None
    for file in (folder / DATABASE, path):
        with duckdb.connect(file) as connection:
            connection.execute("insert into main.applied_migrations values ('m999_later', 'h', now())")


@pytest.mark.parametrize("opened", [lambda folder: reading(folder), lambda folder: writing(folder, "a test")])
def test_a_home_of_a_newer_version_is_refused(old_home: Path, opened: Callable[[Path], Any]) -> None:
    with reading(old_home):
        pass
    of_a_newer_version(old_home)
    with pytest.raises(WarehouseError, match="newer version: it has migration m999_later"), opened(old_home):
        pytest.fail("opened what it cannot know")


def test_a_home_that_cannot_be_written_says_so(old_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(args[0]))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(WarehouseError, match="Permission denied.*; make it writable"), reading(old_home):
        pytest.fail("opened a home of an older version")
