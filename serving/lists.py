"""A person's published list, its reasons and the history it came from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from serving.published import check_user, known_item, published_fusion
from serving.sentences import sentence
from serving.shortness import why_user_short
from tasks.items.item import Item
from tasks.rules.applying import around_rules
from warehouse.columns import (
    DIVERSE_LISTS,
    ITEM,
    LISTS,
    RANK,
    RULES,
    SCORE,
    SLOT,
    TEXT_ID,
    USER,
)
from warehouse.errors import PolyrecError
from warehouse.snapshot import Snapshot, check_published

if TYPE_CHECKING:
    from tasks.fusion.rerank_head import RerankContext

MOST_EVENTS = 2**31 - 1
DIVERSE: Literal["diverse"] = "diverse"
Dial = float | Literal["diverse"] | None
"""How diverse a list is asked to be: 0 to 1, "diverse" for the search's diverse point, or as published."""


def recommend(
    snapshot: Snapshot,
    user_id: str,
    k: int = 10,
    diversity: Dial = None,
    history: int = 10,
    reranker: str | None = None,
) -> dict[str, Any]:
    """A user's list with reasons, and their latest history.

    The k items, or as many as there are (`note` says why), come in the published order, unless a dial (0 to
    1) or a re-ranker is given: then they are re-ranked by these, by the published ones where one is None.
    "diverse" is the second list that was published, at the diverse point of the search. `history` says how
    many of the latest events to show.

    Raises:
        PolyrecError: the user or the re-ranker is unknown, or k or diversity is out of range.
        WarehouseError: an older version published no diverse lists.
    """
    check_reranking(diversity, reranker)
    if k < 1:
        raise PolyrecError(f"k must be at least 1, got {k}; give another --k")
    check_user(snapshot, user_id)
    longest = snapshot.query("longest_list")["longest"][0] or 0
    lists = DIVERSE_LISTS if diversity == DIVERSE else LISTS
    check_published(snapshot, lists)
    rows = snapshot.query("published_list", lists=lists, user_id=user_id, limit=longest)
    if rows.height and diversity != DIVERSE and not (diversity is None and reranker is None):
        rows = around_rules(rows, _reranked(snapshot, user_id, rows, diversity, reranker))
    past = snapshot.query("history", user_id=user_id, limit=history)
    effects = snapshot.query("rule_effects", user_id=user_id).filter(effect="excluded")
    return {
        "user_id": user_id,
        "items": _items(snapshot, rows.head(k)),
        "note": why_user_short(snapshot, user_id, rows.height, k),
        "excluded": dict(effects.select("rule", "items").iter_rows()),
        "history": [
            {
                "item_id": row[ITEM],
                "title": Item.of(row).titled,
                "value": row["value"],
                "time": row["event_time"],
            }
            for row in past.iter_rows(named=True)
        ],
    }


def _items(snapshot: Snapshot, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Listed items with their reasons, the best first."""
    like = titles(snapshot, rows["like_item_id"].to_list())
    return [
        {
            "rank": rank,
            "item_id": row[ITEM],
            "title": Item.of(row).titled,
            "categories": row["categories"],
            "score": row[SCORE],
            "contributions": dict(sorted(row["contributions"].items(), key=lambda entry: -entry[1])),
            "text": row["text"],
            "angle": row["angle"],
            "reason": sentence(row["contributions"], row["text"], like.get(row["like_item_id"])),
            "rules": row[RULES] or [],
        }
        for rank, row in enumerate(rows.iter_rows(named=True), start=1)
    ]


def texts_of(snapshot: Snapshot, item_id: str) -> dict[str, Any]:
    """An item's texts with angle, log-probability, token count and the pass they are from.

    Raises:
        PolyrecError: the item is unknown.
    """
    row = known_item(snapshot, item_id)
    columns = (SLOT, "angle", "text", "log_prob", "n_tokens", "engine", "pass", TEXT_ID)
    return {
        "item_id": item_id,
        "title": Item.of(row).titled,
        "categories": row["categories"],
        "texts": snapshot.query("item_texts", item_id=item_id).select(columns).to_dicts(),
    }


def titles(snapshot: Snapshot, item_ids: Sequence[str | None]) -> dict[str | None, str]:
    """What items are called, by id; ids that there is no item of are left out."""
    rows = snapshot.query("titles", items=sorted({item_id for item_id in item_ids if item_id is not None}))
    return {row[ITEM]: Item.of(row).titled for row in rows.iter_rows(named=True)}


def dial_of(said: str | None) -> Dial:
    """How diverse a list is asked to be, from the words of a command or an address.

    >>> dial_of("0.5"), dial_of("diverse"), dial_of(None)
    (0.5, 'diverse', None)

    Raises:
        PolyrecError: it is none of these.
    """
    if said is None or said == DIVERSE:
        return said
    try:
        return float(said)
    except ValueError:
        raise PolyrecError(
            f"diversity must be a number between 0 and 1, or {DIVERSE}, got {said!r}; "
            "give another --diversity"
        ) from None


def check_reranking(diversity: Dial, reranker: str | None) -> None:
    """Refuse a dial that is out of range, and a re-ranker that does not exist or has no dial to go by."""
    if diversity == DIVERSE:
        if reranker is not None:
            raise PolyrecError(
                f"--diversity {DIVERSE} is a list as the search found it, so it takes no --reranker; "
                "leave that out, or give --diversity a number"
            )
    elif diversity is not None and not 0 <= diversity <= 1:
        raise PolyrecError(f"diversity must be between 0 and 1, got {diversity}; give another --diversity")
    if reranker is not None:
        from tasks.fusion.rerank import RERANKERS

        if reranker not in RERANKERS:
            raise PolyrecError(f"there is no reranker {reranker!r}; give --reranker {', '.join(RERANKERS)}")


def _reranked(
    snapshot: Snapshot, user_id: str, rows: pl.DataFrame, diversity: float | None, reranker: str | None
) -> pl.DataFrame:
    """Re-rank published rows: by dial and method of the published fusion, where no others are asked for."""
    from tasks.fusion.rerank import rerank

    # By score first: ties and the dial at 0 then give the order of the scores.
    ordered = rows.sort(SCORE, RANK, descending=[True, False])
    context = reranking_context(snapshot, user_id, ordered[ITEM], reranker)
    scores, items = ordered[SCORE].to_numpy()[None, :], np.arange(ordered.height)[None, :]
    dial = published_fusion(snapshot)["diversity"] if diversity is None else diversity
    places = rerank(scores, items, context, dial, ordered.height)[0]
    return ordered[places[places >= 0].tolist()]


def reranking_context(
    snapshot: Snapshot, user_id: str, items: pl.Series, reranker: str | None = None
) -> "RerankContext":
    """What items (ids) are re-ranked by for a user, their codes being their places.

    The method is that of the published fusion when None.
    """
    from tasks.arrays.codes import category_matrix, codes, interaction_matrix, text_tensor
    from tasks.fusion.rerank_head import RerankContext
    from tasks.fusion.similarity import mean_text_vectors

    fusion, catalogue = published_fusion(snapshot), snapshot.query("items")
    item_ids = catalogue[ITEM].to_list()
    vectors = snapshot.query("live_text_vectors").join(catalogue, on=ITEM, how="semi", maintain_order="left")
    categories, _ = category_matrix(catalogue["categories"].to_list())
    past = snapshot.query("history", user_id=user_id, limit=MOST_EVENTS)
    past = past.with_columns(pl.lit(user_id).alias(USER))
    return RerankContext.assemble(
        mean_text_vectors(text_tensor(vectors, item_ids)),
        categories,
        interaction_matrix(past, [user_id], item_ids),
        reranker=reranker or fusion["reranker"],
        category_cap=fusion["category_cap"],
        items=codes(items, item_ids),
    )
