"""Why an item is in a person's list, or why not: what each model adds, and which past action matters."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.explain_user import UserFusion
from serving.lists import titles
from serving.published import known_item
from serving.sentences import label, lacking, sentence, shares, without
from tasks.fusion.shapley import membership_values
from tasks.items.item import Item
from tasks.settings import Settings
from warehouse.columns import LISTS
from warehouse.errors import PolyrecError, WarehouseError
from warehouse.snapshot import Snapshot


def explain(
    snapshot: Snapshot,
    settings: Settings,
    user_id: str,
    item_id: str,
    k: int = 10,
    membership: bool = False,
    counterfactual: bool = True,
) -> dict[str, Any]:
    """Everything that is known of why an item is, or is not, recommended to a user.

    `membership` says what each model adds to the item's being among the first k; `counterfactual` is the past
    action without which the item would score least, and it alone needs the project's fitted matchers.

    Raises:
        PolyrecError: user or item is unknown, k is out of range, or nothing proposed the item.
    """
    fusion = UserFusion.read(snapshot, user_id)
    if not 1 <= k <= len(fusion.item_ids):
        why = f"k must be between 1 and {len(fusion.item_ids)}, the candidates of user {user_id!r}, got {k}"
        raise PolyrecError(f"{why}; give another --k")
    item = known_item(snapshot, item_id)
    found = snapshot.query("explained_item", user_id=user_id, item_id=item_id)
    row: Mapping[str, Any] = found.row(0, named=True) if found.height else {}
    column = fusion.item_ids.index(item_id) if item_id in fusion.item_ids else None
    if column is not None:
        score, parts = float(fusion.scores[column]), fusion.contributions(column)
    elif row:  # a rule put it there
        score, parts = row["score"], dict(row["contributions"])
    else:
        raise PolyrecError(_why_no_candidate(snapshot, fusion, item))
    text, like = row.get("text"), titles(snapshot, [row.get("like_item_id")]).get(row.get("like_item_id"))
    of_k = None if column is None else (fusion, column, k)
    without_one = _counterfactual(*of_k, settings) if counterfactual and of_k else None
    return {
        "user_id": user_id,
        "item_id": item_id,
        "title": Item.of(item).titled,
        "categories": item["categories"],
        "rank": row.get("rank"),
        "score": score,
        "place_by_score": None if column is None else fusion.place_by_score(column),
        "candidates": len(fusion.item_ids),
        "text": text,
        "angle": row.get("angle"),
        "like": like,
        "models": _models(fusion, column, parts),
        "base": score - sum(parts.values()),
        "rules": row.get("rules") or [],
        "membership": _membership(*of_k) if membership and of_k else None,
        "counterfactual": without_one,
        "not_listed": None if row else _why_not_listed(snapshot, fusion, score),
        "reason": sentence(parts, text, like, _cause(without_one)),
    }


def _models(fusion: UserFusion, column: int | None, parts: Mapping[str, float]) -> list[dict[str, Any]]:
    """What each model says, the largest contribution first."""
    normalised: dict[str, float] = {}
    ranks: dict[str, int | None] = {}
    if column is not None:
        normalised = dict(zip(fusion.matchers, fusion.normalised[column].tolist(), strict=True))
        ranks = fusion.own_ranks(column)
    return [
        {
            "model": name,
            "label": label(name),
            "contribution": parts[name],
            "share": share,
            "normalised": normalised.get(name),
            "own_rank": ranks.get(name),
        }
        for name, share in shares(parts).items()
    ]


def _membership(fusion: UserFusion, column: int, k: int) -> dict[str, Any]:
    """What each model adds to the item's being among the first k, re-ranked as the published lists are."""
    held, values = membership_values(
        fusion.model.value_of(fusion.candidates, 0), fusion.normalised, lambda s: fusion.lists(s, k)
    )
    place = np.flatnonzero(held == column)
    of_item = values[place[0]] if len(place) else np.zeros(len(fusion.matchers))
    added = dict(zip(fusion.matchers, of_item.tolist(), strict=True))
    return {
        "k": k,
        "listed": round(sum(added.values())) == 1,
        "models": dict(sorted(added.items(), key=lambda entry: -entry[1])),
    }


def _counterfactual(fusion: UserFusion, column: int, k: int, settings: Settings) -> dict[str, Any]:
    """The past action without which the item would score least, and the one that the list depends on most."""
    from serving.counterfactual import leave_one_out

    try:
        effects = leave_one_out(fusion, settings, column, k)
    except WarehouseError as error:
        return {"unavailable": str(error)}
    if effects is None:
        return {"unavailable": "the user has no history that anything could be left out of"}
    moved = effects.of_item
    answer = {
        "item": moved and moved._asdict(),
        "list": effects.of_list and effects.of_list._asdict(),
        "whole_history": {"score": effects.score, "place": effects.place},
        "tried": effects.tried,
        "history": effects.history,
    }
    if moved is None:
        return answer | {"says": "No single action of the history lifts this item."}
    return answer | {"says": without(moved.title, effects.place, moved.place, len(fusion.item_ids))}


def _cause(found: Mapping[str, Any] | None) -> str | None:
    """The title of the past action without which the item would stand further down."""
    moved = found.get("item") if found else None
    return moved["title"] if found and moved and moved["place"] > found["whole_history"]["place"] else None


def _why_not_listed(snapshot: Snapshot, fusion: UserFusion, score: float) -> str:
    """What a candidate lacks that is in no published list."""
    longest = snapshot.query("longest_list")["longest"][0] or 0
    listed = snapshot.query("published_list", lists=LISTS, user_id=fusion.user_id, limit=max(longest, 1))[
        "score"
    ]
    return lacking(score, min(listed, default=None), len(listed))


def _why_no_candidate(snapshot: Snapshot, fusion: UserFusion, item: Mapping[str, Any]) -> str:
    """One line for an item that was never considered."""
    user_id, name = fusion.user_id, f"item {item['item_id']!r}"
    if item["item_id"] in snapshot.query("past_items", user_id=user_id)["item_id"]:
        return (
            f"{name} is in the history of user {user_id!r}, and lists hold new items only; ask about another"
        )
    if not item["recommendable"]:
        return f"{name} is kept out of all lists: it is not active, or a rule of [catalogue] says so"
    return (
        f"no model proposed {name} to user {user_id!r}: it is not among the {len(fusion.item_ids)} "
        "candidates; raise [matching] candidates and run again to have more of them"
    )
