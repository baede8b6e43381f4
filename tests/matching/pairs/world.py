"""A warehouse after matching, small enough to know what is asked about whom."""

from pathlib import Path

import numpy as np
import polars as pl

from tasks.run.stage import StageRun
from tasks.settings import Settings
from tests.warehouse.conftest import text_row
from warehouse.connection import Warehouse

N_ITEMS, N_USERS = 8, 9
MATCHERS = ("cosine_max", "ease", "relevance_student")


def settings_with(home: Path, **relevance: object) -> Settings:
    values = {"users": 6, "candidates": 3, "items": 2, **relevance}
    return Settings.model_validate({"home": home, "matching": {"relevance": values, "matchers": MATCHERS}})


def fill(warehouse: Warehouse) -> None:
    """User u had items u, u + 1, u + 2 in this order, the last user nothing; matchers propose the others."""
    items = [str(n) for n in range(N_ITEMS)]
    content = {
        "title": [f"Film {n}" for n in items],
        "categories": [["Drama"]] * N_ITEMS,
        "content_hash": items,
    }
    warehouse.append("core.items", pl.DataFrame({"item_id": items, "year": [1990] * N_ITEMS, **content}))
    warehouse.append("core.users", pl.DataFrame({"user_id": [str(u) for u in range(N_USERS)]}))
    parts = ("train", "train", "train", "validation", "test")
    events = pl.DataFrame(
        [
            (str(u), str((u + n) % N_ITEMS), n, part)
            for u in range(N_USERS - 1)
            for n, part in enumerate(parts)
        ],
        schema=["user_id", "item_id", "event_time", "part"],
        orient="row",
    )
    hold(warehouse, events)
    texts = [
        text_row(item, slot, f"a {'cold' if slot else 'warm'} tale {item}.")
        for item in items
        for slot in (0, 1)
    ]
    warehouse.append("features.texts", pl.DataFrame(texts))
    live = pl.DataFrame(texts).select("item_id", "slot", "text_id").filter(pl.col("text_id") != "t-7-1")
    warehouse.append("features.live_texts", live)
    rng = np.random.default_rng(0)
    vectors = {
        "owner_kind": ["text"] * live.height,
        "owner_id": live["text_id"],
        "content_hash": live["text_id"],
        "vector": pl.Series(rng.normal(size=(live.height, 384)), dtype=pl.Array(pl.Float32, 384)),
    }
    warehouse.append("features.vectors_minilm", pl.DataFrame(vectors))
    scores = [
        ("r", "train", matcher, str(u), item, float(rng.normal()), 1)
        for matcher in MATCHERS
        for u in range(N_USERS)
        for item in items
        if (int(item) - u) % N_ITEMS > 2
    ]
    columns = ["run_id", "fit", "matcher", "user_id", "item_id", "score", "own_rank"]
    warehouse.append("matching.scores", pl.DataFrame(scores, schema=columns, orient="row"))
    models = {"matcher": MATCHERS, "parameters": "{}", "fit_seconds": 0.0, "score_seconds": 0.0}
    warehouse.append("matching.models", pl.DataFrame({"fit": "train", **models, "fingerprint": "f"}))


def hold(warehouse: Warehouse, events: pl.DataFrame) -> None:
    """Put events in the place of all others."""
    rows = events.drop("part").with_columns(value=pl.lit(1.0))
    warehouse.replace("core.interactions", rows)
    split = events.with_columns(protocol=pl.lit("temporal_user"), split_hash=pl.lit("s"))
    warehouse.replace("core.splits", split)


def run_of(warehouse: Warehouse, **relevance: object) -> StageRun:
    return StageRun("relevance", settings_with(warehouse.folder.parent.parent, **relevance), warehouse, None)
