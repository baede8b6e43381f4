"""A person's published list, its reasons and the history it came from."""

from typing import Any

import polars as pl

from serving.ruled import around_rules, excluded_counts
from tasks.content import titled
from warehouse.columns import ITEM, RANK, RULES, SCORE, SLOT, TEXT_ID
from warehouse.snapshot import Snapshot


class BadRequest(ValueError):
    """A request that cannot be answered; the message names the value, the constraint and the next action."""


def recommend(
    snapshot: Snapshot, user_id: str, k: int = 10, diversity: float | None = None, history: int = 10
) -> dict[str, Any]:
    """A user's list with reasons, and their latest history.

    Args:
        snapshot: what is published.
        user_id: whose list.
        k: how many items.
        diversity: re-rank the published items by this dial, 0 to 1; the published order when None.
        history: how many of the latest events to show.

    Raises:
        BadRequest: the user is unknown, or k or diversity is out of range.
    """
    if diversity is not None and not 0 <= diversity <= 1:
        raise BadRequest(f"diversity must be between 0 and 1, got {diversity}; give another --diversity")
    if k < 1:
        raise BadRequest(f"k must be at least 1, got {k}; give another --k")
    if snapshot.query("user", user_id=user_id).is_empty():
        raise BadRequest(f"no user {user_id!r} in the published lists; see the ids with `polyrec export`")
    longest = snapshot.query("longest_list")["longest"][0] or 0
    if k > longest:
        raise BadRequest(
            f"k must be at most {longest}, the length of the published lists, got {k}; "
            "give a smaller --k, or raise list_length in [fusion] and run again"
        )
    rows = snapshot.query("published_list", user_id=user_id, limit=longest)
    if diversity is not None and rows.height:
        rows = around_rules(rows, _reranked(snapshot, rows, diversity, rows.height))
    items = [
        {
            "rank": rank,
            "item_id": row[ITEM],
            "title": titled(row["title"], row["year"]),
            "categories": row["categories"],
            "score": row[SCORE],
            "contributions": dict(sorted(row["contributions"].items(), key=lambda entry: -entry[1])),
            "text": row["text"],
            "angle": row["angle"],
            "rules": row.get(RULES) or [],
        }
        for rank, row in enumerate(rows.head(k).iter_rows(named=True), start=1)
    ]
    past = snapshot.query("history", user_id=user_id, limit=history)
    return {
        "user_id": user_id,
        "items": items,
        "excluded": excluded_counts(snapshot, user_id),
        "history": [
            {
                "item_id": row[ITEM],
                "title": titled(row["title"], row["year"]),
                "value": row["value"],
                "time": row["event_time"],
            }
            for row in past.iter_rows(named=True)
        ],
    }


def texts_of(snapshot: Snapshot, item_id: str) -> dict[str, Any]:
    """An item's texts with angle, log-probability, token count and the pass they are from.

    Raises:
        BadRequest: the item is unknown.
    """
    item = snapshot.query("item", item_id=item_id)
    if item.is_empty():
        raise BadRequest(f"no item {item_id!r} in the published catalogue; see the ids with `polyrec export`")
    row = item.row(0, named=True)
    columns = (SLOT, "angle", "text", "log_prob", "n_tokens", "engine", "pass", TEXT_ID)
    return {
        "item_id": item_id,
        "title": titled(row["title"], row["year"]),
        "categories": row["categories"],
        "texts": snapshot.query("item_texts", item_id=item_id).select(columns).to_dicts(),
    }


def _reranked(snapshot: Snapshot, rows: pl.DataFrame, diversity: float, k: int) -> pl.DataFrame:
    """Re-rank published rows by the dial."""
    from tasks.codes import codes, text_tensor
    from tasks.fusion.rerank import ItemSimilarity, mean_text_vectors, mmr

    vectors = snapshot.query("live_text_vectors")
    # By score first: ties and the dial at 0 then give the order of the scores.
    ordered = rows.sort(SCORE, RANK, descending=[True, False])
    # A listed item may have no text: its vector is zero, like to nothing.
    item_ids = pl.concat([vectors[ITEM], ordered[ITEM]]).unique().sort().to_list()
    similarity = ItemSimilarity(mean_text_vectors(text_tensor(vectors, item_ids)), table_items=0)
    items = codes(ordered[ITEM], item_ids)[None, :]
    places = mmr(ordered[SCORE].to_numpy()[None, :], items, similarity, diversity, k)[0]
    return ordered[places[places >= 0].tolist()]
