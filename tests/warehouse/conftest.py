"""A small warehouse with one publication, for tests that read."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.empty import with_warehouse
from warehouse.connection import DATABASE, Warehouse, writing

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def text_row(item: str, slot: int, text: str) -> dict[str, object]:
    """A row of features.texts."""
    return {
        "text_id": f"t-{item}-{slot}",
        "item_id": item,
        "slot": slot,
        "angle": ("audience", "mood", "story")[slot],
        "engine": "toy",
        "prompt_hash": f"p-{item}-{slot}",
        "prompt": "Say it.",
        "pass": 0,
        "attempt": 0,
        "seed": slot,
        "text": text,
        "log_prob": -3.5,
        "n_tokens": 7,
        "whole_sentence": True,
        "status": "accepted",
        "reason": None,
    }


def fill(warehouse: Warehouse) -> None:
    """Two items, two users, three events, one text, vectors and scores."""
    items = pl.DataFrame(
        {
            "item_id": ["1", "2"],
            "title": ["Toy Story", "Heat"],
            "year": [1995, 1995],
            "categories": [["Animation", "Comedy"], ["Crime"]],
            "content_hash": ["h1", "h2"],
        }
    )
    warehouse.append("core.items", items)
    warehouse.append("core.users", pl.DataFrame({"user_id": ["a", "b"], "age": [30, 40]}))
    events = pl.DataFrame(
        {
            "user_id": ["a", "b", "a"],
            "item_id": ["2", "1", "1"],
            "value": [5.0, 4.0, 3.0],
            "event_time": [20, 15, 10],
        }
    )
    warehouse.append("core.interactions", events)
    split = events.drop("value").with_columns(
        protocol=pl.lit("temporal_user"), split_hash=pl.lit("s"), part=pl.Series(["test", "train", "train"])
    )
    warehouse.append("core.splits", split)
    texts = [text_row("1", 0, "For all."), text_row("1", 1, "No longer live.")]
    warehouse.append("features.texts", pl.DataFrame(texts))
    live = pl.DataFrame({"item_id": ["1"], "slot": [0], "text_id": ["t-1-0"]})
    warehouse.append("features.live_texts", live)
    vectors = pl.DataFrame(
        {
            "owner_kind": ["item", "item", "text"],
            "owner_id": ["1", "2", "t-1-0"],
            "content_hash": ["h1", "stale", "t-1-0"],
            "vector": pl.Series([[float(n)] * 384 for n in (1, 2, 3)], dtype=pl.Array(pl.Float32, 384)),
        }
    )
    warehouse.append("features.vectors_minilm", vectors)
    scores = pl.DataFrame(
        {
            "run_id": ["r"] * 3,
            "fit": ["all", "all", "train"],
            "matcher": ["ease", "popularity", "ease"],
            "user_id": ["b"] * 3,
            "item_id": ["2"] * 3,
            "score": [0.5, 0.25, 0.1],
            "own_rank": [1, None, 1],
        }
    )
    warehouse.append("matching.scores", scores)


def publish(warehouse: Warehouse, publication_id: str, score: float) -> None:
    """Publish a list of one item for user b."""
    with warehouse.transaction():
        model = {
            "fusion_id": "f",
            "fingerprint": "x",
            "normaliser": "zscore",
            "diversity": 0.1,
            "weights": '{"ease": 1.0}',
            "mlflow_run_id": "m",
            "created_at": NOW,
        }
        warehouse.upsert("serving.fusion_models", pl.DataFrame([model]))
        publication = {
            "publication_id": publication_id,
            "fusion_id": "f",
            "data_fingerprint": "d",
            "lists_hash": "l",
            "state": "published",
            "created_at": NOW,
        }
        warehouse.append("serving.publications", pl.DataFrame([publication]))
        rows = pl.DataFrame(
            {
                "publication_id": [publication_id],
                "user_id": ["b"],
                "rank": [1],
                "item_id": ["1"],
                "score": [score],
                "contributions": pl.Series([{"ease": score}], dtype=pl.Map(pl.String, pl.Float64)),
                "text_id": ["t-1-0"],
            }
        )
        warehouse.append("serving.recommendations", rows)
        warehouse.execute("set_current", publication_id=publication_id)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty warehouse, open for writing."""
    with writing(with_warehouse(tmp_path / "data"), "a test") as opened:
        yield opened


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a warehouse with a little of everything, to copy."""
    folder = with_warehouse(tmp_path_factory.mktemp("filled"))
    with writing(folder, "a test") as opened:
        fill(opened)
    return folder / DATABASE


@pytest.fixture
def filled(tmp_path: Path, filled_once: Path) -> Iterator[Warehouse]:
    """A warehouse with a little of everything, and no publication."""
    (tmp_path / "data").mkdir()
    shutil.copy(filled_once, tmp_path / "data" / DATABASE)
    with writing(tmp_path / "data", "a test") as opened:
        yield opened
