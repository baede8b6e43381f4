"""An operator's decisions are in force at once, and outlive new rules."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tasks.corpus.acceptance import Rules
from tasks.corpus.planning import standing_texts
from tasks.corpus.prompts import SEPARATOR
from tasks.corpus.reviewing import block, release
from tasks.models.engine import Generation
from tasks.settings.corpus import Corpus
from tests.corpus.injections import ObedientEngine
from tests.empty import with_warehouse
from tests.warehouse.conftest import fill, publish, text_row
from warehouse.columns import LISTS
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError
from warehouse.snapshot import reading

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CORPUS = Corpus()


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """Item 1 with a live text, a quarantined one for the same prompt, and a list that shows the first."""
    with writing(with_warehouse(tmp_path), "a test") as opened:
        fill(opened)
        live = text_row("1", 0, "For all.") | {"prompt": SEPARATOR.join(("a", "b", "c")), "status": "ok"}
        held = live | {"text_id": "held", "text": "Bad.", "status": "quarantined", "reason": "link: x"}
        rows = [row | {"rules": "now", "attempt": 0} for row in (live, held)]
        opened.upsert("features.texts", pl.DataFrame(rows))
        publish(opened, "p1", 0.5)
        yield opened


def shown(warehouse: Warehouse) -> list[str]:
    with reading(warehouse.folder) as snapshot:
        return snapshot.query("item_texts", item_id="1")["text"].to_list()


def block_it(warehouse: Warehouse, text_id: str = "t-1-0") -> None:
    rules = Rules(lambda texts, _: [None] * len(texts), "now")
    block(warehouse, text_id, CORPUS, lambda: rules, ObedientEngine, NOW)


def test_blocked_text_gives_way_to_the_plain_one_everywhere(warehouse: Warehouse) -> None:
    block_it(warehouse)
    (plain,) = shown(warehouse)
    assert plain == "For those who like animation and comedy: Toy Story, a film from 1995."
    with reading(warehouse.folder) as snapshot:
        assert snapshot.query("published_list", lists=LISTS, user_id="b", limit=5)["text"].to_list() == [
            plain
        ]
    assert "t-1-0" not in warehouse.query("vector_owners")["owner_id"]
    row = warehouse.query("known_texts").filter(pl.col("status") == "fallback")
    assert row["n_tokens"].item() == len(plain)
    under_review = warehouse.query("quarantined_texts")
    assert dict(under_review.select("text_id", "decision").rows()) == {"held": None, "t-1-0": "blocked"}


def test_released_text_is_shown_and_outlives_new_rules(warehouse: Warehouse) -> None:
    release(warehouse, "held", NOW)
    assert shown(warehouse) == ["Bad."]
    assert standing_texts(warehouse.query("known_texts"), "later")["text_id"].to_list() == ["held"]
    block_it(warehouse, "held")
    assert shown(warehouse) == ["For all."]  # another text that stands
    release(warehouse, "held", NOW)
    assert shown(warehouse) == ["Bad."]


def test_released_text_of_an_old_prompt_is_not_put_in_a_new_one_s_place(warehouse: Warehouse) -> None:
    old = text_row("1", 0, "Old.") | {"text_id": "old", "prompt_hash": "before", "status": "quarantined"}
    warehouse.upsert("features.texts", pl.DataFrame([old]))
    release(warehouse, "old", NOW)
    assert shown(warehouse) == ["For all."]


def test_decisions_that_cannot_be_made(warehouse: Warehouse) -> None:
    with pytest.raises(PolyrecError, match="no text 'nothing'; see the ids with"):
        release(warehouse, "nothing", NOW)
    with pytest.raises(PolyrecError, match="t-1-0 is not held back"):
        release(warehouse, "t-1-0", NOW)
    block_it(warehouse)
    plain = warehouse.query("known_texts").filter(pl.col("status") == "fallback")["text_id"].item()
    with pytest.raises(PolyrecError, match="is the plain one"):
        block_it(warehouse, plain)
    assert shown(warehouse)[0].startswith("For those who like")


def test_no_vector_of_a_quarantined_text_is_kept(warehouse: Warehouse) -> None:
    vector = warehouse.query("live_text_vectors")["vector"][0].to_list()
    row = {"owner_kind": "text", "owner_id": "held", "content_hash": "h", "vector": vector}
    frame = pl.DataFrame([row], schema_overrides={"vector": pl.Array(pl.Float32, 384)})
    warehouse.upsert("features.vectors_minilm", frame)
    warehouse.execute("drop_hidden_vectors")
    owners = warehouse.query("vector_owners")["owner_id"].to_list()
    assert "held" not in owners and "t-1-0" in owners


def test_first_drafts_are_read_as_they_were_written(warehouse: Warehouse) -> None:
    drafts = warehouse.query("first_drafts", items=["1"])
    assert tuple(drafts.columns[3:]) == tuple(field.name for field in fields(Generation))
    row = drafts.filter(pl.col("slot") == 0).row(0, named=True)
    assert (row["n_tokens"], row["log_prob"]) == (7, -3.5)
