"""Makes of a home of today one that version 0.1 would have left: the migration to today's names, undone."""

import json
from pathlib import Path
from typing import Any

import duckdb
from safetensors.numpy import load_file, save_file

from warehouse.connection import DATABASE
from warehouse.snapshot import current_snapshot

FINGERPRINT = "that of the same work, with parameters under their old names"
EASE = {
    "temporal_co_occurrence": "nearness",
    "co_occurrence_half_life_items": "near_half_life_items",
    "side_information_weight": "content",
}
LISTS = ("recommendations", "diverse_lists")


def make_old(folder: Path) -> None:
    """Undo the migration in a warehouse's folder.

    Fingerprints of matching and of what follows it had renamed parameters in them: they differ here, too.
    """
    snapshot = current_snapshot(folder)
    assert snapshot is not None
    with duckdb.connect(folder / DATABASE) as connection:
        connection.execute("delete from main.applied_migrations where name like 'm016%'")
        connection.execute(
            "update matching.scores set matcher = 'rarity' where matcher = 'inverse_popularity'"
        )
        connection.execute("update ops.shards set fingerprint = ? where stage = 'matching'", [FINGERPRINT])
        _old_names(connection)
    with duckdb.connect(snapshot) as connection:
        connection.execute("drop table main.applied_migrations")
        _old_names(connection)
    for manifest in (folder / "matchers").glob("*/fit.json"):
        _old_matchers(manifest)


def _old_names(connection: duckdb.DuckDBPyConnection) -> None:
    """Old names in the tables that a snapshot has, too."""
    connection.execute("update matching.models set fingerprint = ?", [FINGERPRINT])
    connection.execute("update serving.fusion_models set fingerprint = ?", [FINGERPRINT])
    connection.execute("update serving.publications set data_fingerprint = ?", [FINGERPRINT])
    connection.execute("update matching.models set matcher = 'rarity' where matcher = 'inverse_popularity'")
    for new, old in EASE.items():
        connection.execute(
            "update matching.models set parameters = replace(parameters, $new, $old) where matcher = 'ease'",
            {"new": f'"{new}":', "old": f'"{old}":'},
        )
    connection.execute("alter table serving.fusion_models rename column folds to halves")
    changes = {
        "inverse_popularity": "rarity",
        "model_selection": "contest",
        "last_of_fold_0": "last_of_half_0",
    }
    for column in ("weights", "model", "halves"):
        for new, old in changes.items():
            connection.execute(
                f"update serving.fusion_models set {column} = replace({column}, ?, ?)", [new, old]
            )
    old_name = "lambda name: replace(name, 'inverse_popularity', 'rarity')"
    for table in LISTS:
        connection.execute(
            f"""update serving.{table} set contributions =
                map(list_transform(map_keys(contributions), {old_name}), map_values(contributions))"""
        )
    connection.execute(f"update serving.candidates set matchers = list_transform(matchers, {old_name})")


def _old_matchers(manifest: Path) -> None:
    """The fitted matchers beside a manifest, in the format of version 0.1."""
    values = json.loads(manifest.read_text())
    values["matchers"] = ["rarity" if name == "inverse_popularity" else name for name in values["matchers"]]
    manifest.write_text(json.dumps({**values, "fingerprint": FINGERPRINT}))
    (manifest.parent / "inverse_popularity").rename(manifest.parent / "rarity")
    for file in manifest.parent.glob("*/model.json"):
        described: dict[str, Any] = json.loads(file.read_text())
        name, parameters = file.parent.name, described["parameters"]
        if name == "ease":
            parameters = {EASE.get(key, key): value for key, value in parameters.items()}
        if name.startswith("cosine_"):
            parameters = {"reduction": name.removeprefix("cosine_"), **parameters}
        file.write_text(json.dumps({"format": 2, "name": name, "kind": name, "parameters": parameters}))
        arrays = load_file(file.with_name("model.safetensors"))
        if "history_start" in arrays:
            del arrays["n_items"]
        save_file(arrays, file.with_name("model.safetensors"))
