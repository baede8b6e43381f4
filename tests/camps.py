"""A small world whose answer is known.

Items and users fall into two camps. Nothing in an item's title or categories says which; of its texts,
`story` does and `mood` does not.
"""

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from typer.testing import CliRunner

from flows.cli import app as cli
from tasks.corpus.prompts import SEPARATOR
from tasks.ingest.splits import split_interactions
from tasks.items.item import Item
from tasks.settings import Settings
from tasks.settings.data import Data
from tests.empty import with_tracking
from warehouse.connection import Warehouse, writing

ITEMS, USERS, CAMPS = 20, 60, ("even", "odd")
CONFIG = """
home = "."
[data]
protocol = "PROTOCOL"
[corpus]
noun = "thing"
[matching]
matchers = ["cosine_max", "popularity"]
candidates = 10
[fusion]
method = "weighted"
trials = 5
[evaluation]
k = 2
resamples = 200
"""


def camp_home(folder: Path) -> Path:
    """A home with the world in its warehouse."""
    with_tracking(Settings(home=folder))
    with writing(folder / "warehouse" / "data", "a test") as warehouse:
        fill(warehouse)
    return folder


def run_at(home: Path, protocol: str, *arguments: str) -> dict[str, Any]:
    """Run a command of the CLI under a protocol; returns what it prints, with --json as JSON."""
    config = home / "polyrec.toml"
    config.write_text(CONFIG.replace("PROTOCOL", protocol), encoding="utf-8")
    with writing(home / "warehouse" / "data", "a test") as warehouse:
        split_interactions(warehouse, Data.model_validate({"protocol": protocol}), 0)
    result = CliRunner().invoke(cli.app, [*arguments, "--config", str(config)])
    if result.exception:
        raise result.exception
    return json.loads(result.stdout) if "--json" in arguments else {"printed": result.stdout}


class Encoder:
    """Texts that name a camp lie in its direction; all others anywhere."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([vector(text) for text in texts], dtype=np.float32).reshape(-1, 384)


def vector(text: str) -> np.ndarray:
    seed = int.from_bytes(blake2b(text.encode(), digest_size=4).digest())
    noise = np.random.default_rng(seed).normal(size=384)
    direction = 0.3 * noise / np.linalg.norm(noise)
    for place, camp in enumerate(CAMPS):
        direction[place] += f" {camp} " in text
    return direction / np.linalg.norm(direction)


def fill(warehouse: Warehouse) -> None:
    """The world, with texts of two engines: alpha's are live, beta's say nothing of camps."""
    ids = [f"{item:02d}" for item in range(ITEMS)]
    titles = [f"Thing {item}" for item in ids]
    items = pl.DataFrame({"item_id": ids, "title": titles, "content_hash": ids}).with_columns(
        categories=pl.lit(["any"], dtype=pl.List(pl.String))
    )
    warehouse.append("core.items", items)
    users = [f"u{user:02d}" for user in range(USERS)]
    warehouse.append("core.users", pl.DataFrame({"user_id": users}))
    camp_items = ITEMS // 2
    # Every user goes through the camp's items in the same circle, but begins elsewhere.
    events = [
        (users[user], ids[2 * ((user // 2 + step) % camp_items) + user % 2], 1.0, 100 * step)
        for user in range(USERS)
        for step in range(camp_items)
    ]
    columns = ["user_id", "item_id", "value", "event_time"]
    warehouse.append("core.interactions", pl.DataFrame(events, schema=columns, orient="row"))
    texts = []
    for item, item_id in enumerate(ids):
        for slot, angle in enumerate(("story", "mood")):
            says = f"A tale of {CAMPS[item % 2]} folk {item}." if slot == 0 else f"It is calm {item}."
            texts.append(text_row("alpha", item_id, slot, angle, says))
            texts.append(text_row("beta", item_id, slot, angle, f"Whatever {item} {slot}."))
    warehouse.append("features.texts", pl.DataFrame(texts))
    live = [(row["item_id"], row["slot"], row["text_id"]) for row in texts if row["engine"] == "alpha"]
    warehouse.append(
        "features.live_texts", pl.DataFrame(live, schema=["item_id", "slot", "text_id"], orient="row")
    )
    contents = [Item(title, None, ["any"]).content() for title in titles]
    vectors = pl.DataFrame({"owner_kind": ["item"] * ITEMS, "owner_id": ids, "content_hash": ids})
    warehouse.append(
        "features.vectors_minilm",
        vectors.with_columns(
            vector=pl.Series([vector(text) for text in contents], dtype=pl.Array(pl.Float32, 384))
        ),
    )
    towards = np.zeros((2, 384), dtype=np.float32)
    towards[0, :2] = 2**-0.5, -(2**-0.5)
    towards[1] = -towards[0]
    for fit in ("train", "train_validation"):
        interests = pl.DataFrame({"fit": [fit] * USERS, "user_id": users}).with_columns(
            interest=pl.lit(0),
            weight=pl.lit(1.0),
            vector=pl.Series([towards[user % 2] for user in range(USERS)], dtype=pl.Array(pl.Float32, 384)),
        )
        warehouse.append("features.user_vectors", interests)


def text_row(engine: str, item_id: str, slot: int, angle: str, text: str) -> dict[str, Any]:
    return {
        "text_id": f"{engine}-{item_id}-{slot}",
        "item_id": item_id,
        "slot": slot,
        "angle": angle,
        "engine": engine,
        "prompt_hash": f"{engine}-{item_id}-{slot}",
        "prompt": SEPARATOR.join(["Say it.", f"Facts of {item_id}.", angle]),
        "pass": 1,
        "attempt": 0,
        "seed": 0,
        "text": text,
        "n_tokens": 5,
        "whole_sentence": True,
        "status": "ok",
    }
