"""A published list says which rules moved it."""

from pathlib import Path

import polars as pl

from serving.lists import recommend
from tests.empty import with_warehouse
from tests.warehouse.conftest import fill, publish
from warehouse.connection import writing
from warehouse.snapshot import reading, write_snapshot


def test_a_list_says_its_rules_and_what_they_kept_out(tmp_path: Path) -> None:
    with writing(with_warehouse(tmp_path), "a test") as warehouse:
        fill(warehouse)
        publish(warehouse, "p1", 0.5)
        row = {"publication_id": ["p1"], "user_id": ["b"], "rank": [1], "item_id": ["1"], "score": [0.5]}
        row |= {"contributions": pl.Series([{"ease": 0.5}], dtype=pl.Map(pl.String, pl.Float64))}
        warehouse.replace("serving.recommendations", pl.DataFrame({**row, "rules": [["top"]]}))
        effects = [
            ("p1", "b", "no", "excluded", 3),
            ("p1", "b", "top", "moved", 1),
            ("p1", "a", "no", "excluded", 9),
        ]
        schema = ["publication_id", "user_id", "rule", "effect", "items"]
        warehouse.append("serving.rule_effects", pl.DataFrame(effects, schema=schema, orient="row"))
        write_snapshot(warehouse, "p1")
    with reading(tmp_path) as snapshot:
        answer = recommend(snapshot, "b", k=1)
    assert answer["items"][0]["rules"] == ["top"]
    assert answer["excluded"] == {"no": 3}
