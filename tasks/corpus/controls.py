"""Control texts, which generated ones must beat: plain sentences, and texts of another item."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from tasks.corpus.fallback import fallback_text
from tasks.items.item import items_by_id
from warehouse.columns import ITEM, SLOT

TEXTS = {ITEM: pl.String, SLOT: pl.Int32, "text": pl.String}


def template_texts(items: pl.DataFrame, angles: Mapping[int, str], noun: str) -> pl.DataFrame:
    """A plain sentence from title, year and categories in every slot of every item: item_id, slot, text."""
    rows = [
        (item_id, slot, fallback_text(item, noun, angle))
        for item_id, item in items_by_id(items).items()
        for slot, angle in angles.items()
    ]
    return pl.DataFrame(rows, schema=TEXTS, orient="row")


def shuffled_texts(texts: pl.DataFrame, seed: int) -> pl.DataFrame:
    """All texts of an item given to another one, so that none keeps its own: item_id, slot, text."""
    items = texts[ITEM].unique().sort()
    if len(items) < 2:
        raise ValueError(
            f"texts of {len(items)} items cannot be shuffled among items; write those of 2 or more"
        )
    order = np.random.default_rng(seed).permutation(len(items))
    # Each takes those of the next in a random circle: a mere permutation would leave some in their place.
    given = pl.DataFrame({ITEM: items.gather(order), "to": items.gather(np.roll(order, 1))})
    return (
        texts.join(given, on=ITEM).select(pl.col("to").alias(ITEM), SLOT, "text").sort(ITEM, SLOT).cast(TEXTS)  # type: ignore[arg-type]
    )
