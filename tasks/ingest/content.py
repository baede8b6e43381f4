"""What of an item prompts and content vectors may depend on, and what may not be among it."""

import json
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import polars as pl

from tasks.items.item import Item, items_of
from warehouse.connection import Warehouse
from warehouse.validation_items import UNUSUAL, like_interactions

COMPUTED_NAME = re.compile(
    r"(^|_)(n|num|count|counts|cnt|avg|average|mean|rating|ratings|score|scores|popularity|popular|rank|views|"
    r"sales|sold|clicks|votes?|likes)(_|$)"
)


def content_hash(item: Item) -> str:
    """Hash of the content columns alone; where there are no more, of title, year and categories."""
    parts: list[object] = [item.title, item.year, list(item.categories)]
    if item.description is not None or item.columns not in (None, "{}"):
        parts += [item.description, item.columns]
    return blake2b(json.dumps(parts, ensure_ascii=False).encode(), digest_size=16).hexdigest()


def with_hashes(items: pl.DataFrame) -> pl.DataFrame:
    """item_id and content_hash of items, from item_id and their content columns."""
    hashes = [content_hash(item) for item in items_of(items)]
    return pl.DataFrame({"item_id": items["item_id"], "content_hash": pl.Series(hashes, dtype=pl.String)})


def words_of(column: str) -> str:
    """A column's name in small letters, its words apart by underscores.

    >>> words_of("avgRating"), words_of("Number of votes")
    ('avg_rating', 'number_of_votes')
    """
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower())


def computed_columns(warehouse: Warehouse, columns: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Content that looks computed from interactions, which tells the future and changes every night.

    Yields each column of numbers that is named like a count or a mean, or goes along with one, and why it is
    refused.
    """
    for column in columns:
        filled, numeric, with_counts, with_means = like_interactions(warehouse, column)
        if not filled or numeric < 0.9 * filled:
            continue
        strongest = max(with_counts, with_means)
        why = ""
        if strongest >= UNUSUAL:
            what = "the number of events" if with_counts >= with_means else "the mean value of events"
            why = f"holds numbers that go along with {what} of an item (rank correlation {strongest:.2f})"
        elif COMPUTED_NAME.search(words_of(column)):
            why = "holds numbers and is named like a count or a mean"
        if why:
            yield (
                column,
                f"content column '{column}' {why}: content computed from interactions tells the future; "
                "take it out of `content` in [data.items], and it is kept as an attribute",
            )
