"""An operator's decisions about texts. They hold at once: shown lists follow without a new run."""

from collections.abc import Callable
from datetime import datetime

import polars as pl

from tasks.corpus.acceptance import Rules
from tasks.corpus.planning import chosen_texts
from tasks.corpus.writing import ROWS, Writer
from tasks.items.item import items_by_id
from tasks.models.engine import Engine
from tasks.settings.corpus import Corpus
from warehouse.columns import ITEM, SLOT, TEXT_ID
from warehouse.connection import Warehouse
from warehouse.errors import PolyrecError
from warehouse.snapshot import write_snapshot


def release(warehouse: Warehouse, text_id: str, now: datetime) -> None:
    """Let a quarantined or blocked text be shown. Its vector is made by the next run.

    Raises:
        PolyrecError: there is no such text, or nothing holds it back.
    """
    text = _known(warehouse, text_id)
    if not text["hidden"].item():
        raise PolyrecError(f"text {text_id} is not held back; see `polyrec texts review list`")
    with warehouse.transaction():
        _decide(warehouse, text_id, "released", now)
        key = text.select(ITEM, SLOT, "prompt_hash").row(0)
        live = warehouse.query("known_texts").join(_live(warehouse), on=TEXT_ID, how="semi")
        # Else it was written for another prompt, or from other first texts.
        if live.select(ITEM, SLOT, "prompt_hash").rows().count(key) or text_id in _first_texts(warehouse):
            _make_live(warehouse, key[0], key[1], text_id)
    _publish(warehouse)


def block(
    warehouse: Warehouse,
    text_id: str,
    corpus: Corpus,
    rules: Callable[[], Rules],
    engine: Callable[[], Engine],
    now: datetime,
) -> None:
    """Never show a text again: another that stands takes its place, at last the plain one; its vector goes.

    The place of a text of the second pass goes back to the first one there. Rules and engine are loaded only
    when a plain text must be made.

    Raises:
        PolyrecError: there is no such text, or it is the plain one.
    """
    text = _known(warehouse, text_id)
    if text["status"].item() == "fallback":
        raise PolyrecError(
            f"text {text_id} is the plain one, made of the item's own data; change those, or "
            "keep the item out with blocked in [catalogue]"
        )
    with warehouse.transaction():
        _decide(warehouse, text_id, "blocked", now)
        warehouse.execute("drop_hidden_vectors")
        if text_id in _live(warehouse)[TEXT_ID]:
            text = _known(warehouse, _first_texts(warehouse).get(text_id, text_id))
            wanted = warehouse.query("prompt_of_text", text_id=text[TEXT_ID].item())
            others = warehouse.query("known_texts").filter(~pl.col("hidden"))
            others = others.filter(pl.col("rules") == text["rules"].item())
            chosen = chosen_texts(wanted.cast({SLOT: pl.Int32}), others)[TEXT_ID].to_list()
            if not chosen:
                one = wanted.row(0, named=True)
                items = items_by_id(warehouse.query("items").filter(pl.col(ITEM) == one[ITEM]))
                writer = Writer(corpus, engine(), rules(), items)
                rows = pl.DataFrame(writer.plain([(one, "blocked: by an operator")]), schema=ROWS)
                warehouse.upsert("features.texts", rows)
                chosen = rows[TEXT_ID].to_list()
            _make_live(warehouse, wanted[ITEM].item(), wanted[SLOT].item(), chosen[0])
    _publish(warehouse)


def _known(warehouse: Warehouse, text_id: str) -> pl.DataFrame:
    text = warehouse.query("known_texts").filter(pl.col(TEXT_ID) == text_id)
    if text.is_empty():
        raise PolyrecError(
            f"no text {text_id!r}; see the ids with `polyrec texts ITEM` or `texts review list`"
        )
    return text


def _live(warehouse: Warehouse) -> pl.DataFrame:
    return warehouse.query("live_texts").select(TEXT_ID)


def _first_texts(warehouse: Warehouse) -> dict[str, str]:
    """Ids of the texts of the second pass to those of the first texts that they were made of, as of now."""
    return dict(warehouse.query("rewrites").select(TEXT_ID, "first_text_id").rows())


def _decide(warehouse: Warehouse, text_id: str, decision: str, now: datetime) -> None:
    row = pl.DataFrame({TEXT_ID: [text_id], "decision": [decision], "decided_at": [now]})
    warehouse.upsert("features.text_reviews", row)


def _make_live(warehouse: Warehouse, item_id: str, slot: int, text_id: str) -> None:
    row = pl.DataFrame({ITEM: [item_id], SLOT: [slot], TEXT_ID: [text_id]}, schema_overrides={SLOT: pl.Int32})
    warehouse.upsert("features.live_texts", row)


def _publish(warehouse: Warehouse) -> None:
    """Write the published snapshot anew, where there is one."""
    current = warehouse.query("current_publication")
    if not current.is_empty():
        write_snapshot(warehouse, current["publication_id"].item())
