"""Why an item is in a person's list, or why not: what each model adds, and which past action matters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.causes import Cause, Rules, causes_of
from serving.explain_user import NoCandidates, UserFusion
from serving.lists import titles
from serving.published import check_user, known_item
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
    action without which the item would score least, and it alone needs the project's fitted matchers. More
    than all candidates are not asked about: `note` says so. Where the item was never considered, `score` is
    None and `causes` say why.

    Raises:
        PolyrecError: user or item is unknown, k is below 1, or the user has no candidates and nothing else
            keeps the item out.
    """
    if k < 1:
        raise PolyrecError(f"k must be at least 1, got {k}; give another --k")
    check_user(snapshot, user_id)
    item = known_item(snapshot, item_id)
    found = snapshot.query("explained_item", user_id=user_id, item_id=item_id)
    row: Mapping[str, Any] = found.row(0, named=True) if found.height else {}
    rules = None if row else Rules(snapshot, settings, user_id, item_id)
    causes = causes_of(snapshot, settings, rules, user_id, item) if rules else []
    try:
        fusion = UserFusion.read(snapshot, user_id)
    except NoCandidates:
        if not causes:
            raise
        fusion = None
    head = {
        "user_id": user_id,
        "item_id": item_id,
        "title": Item.of(item).titled,
        "categories": item["categories"],
        "rank": row.get("rank"),
    }
    if fusion is None or (item_id not in fusion.item_ids and not row):
        if fusion and not causes:
            causes = [_not_proposed(fusion, item_id)]
        told = {**_NEVER_CONSIDERED, "candidates": len(fusion.item_ids) if fusion else 0}
        return {**head, **told, "causes": _told(causes), "not_listed": _joined(causes)}
    figures = _figures(snapshot, settings, fusion, row, item_id, k, membership, counterfactual)
    if rules and not causes:
        causes = [_outscored(snapshot, fusion, figures["score"], rules.arranging)]
    return {**head, **figures, "causes": _told(causes), "not_listed": _joined(causes)}


def _figures(
    snapshot: Snapshot,
    settings: Settings,
    fusion: UserFusion,
    row: Mapping[str, Any],
    item_id: str,
    k: int,
    membership: bool,
    counterfactual: bool,
) -> dict[str, Any]:
    """What there is to say of an item that was considered; `row` is that of the list, empty without one."""
    column = fusion.item_ids.index(item_id) if item_id in fusion.item_ids else None
    if column is None:  # a rule put it there
        score, parts = row["score"], dict(row["contributions"])
    else:
        score, parts = float(fusion.scores[column]), fusion.contributions(column)
    text, like = row.get("text"), titles(snapshot, [row.get("like_item_id")]).get(row.get("like_item_id"))
    n = len(fusion.item_ids)
    of_k = None if column is None else (fusion, column, min(k, n))
    without_one = _counterfactual(*of_k, settings) if counterfactual and of_k else None
    candidates = "1 candidate is" if n == 1 else f"{n:,} candidates are"
    few = f"{candidates} all that user {fusion.user_id!r} has: fewer than the {k:,} asked for."
    return {
        "score": score,
        "place_by_score": None if column is None else fusion.place_by_score(column),
        "candidates": n,
        "text": text,
        "angle": row.get("angle"),
        "like": like,
        "models": _models(fusion, column, parts),
        "base": score - sum(parts.values()),
        "rules": row.get("rules") or [],
        "membership": _membership(*of_k) if membership and of_k else None,
        "counterfactual": without_one,
        "reason": sentence(parts, text, like, _cause(without_one)),
        "note": few if k > n else None,
    }


# What an answer has of an item that no list was chosen from.
_NEVER_CONSIDERED: Mapping[str, Any] = {
    **dict.fromkeys(("score", "place_by_score", "text", "angle", "like")),
    "models": [],
    "base": None,
    "rules": [],
    **dict.fromkeys(("membership", "counterfactual", "reason", "note")),
}


def _told(causes: Sequence[Cause]) -> list[dict[str, str]]:
    return [cause._asdict() for cause in causes]


def _joined(causes: Sequence[Cause]) -> str | None:
    return " ".join(cause.says for cause in causes) or None


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


def _outscored(snapshot: Snapshot, fusion: UserFusion, score: float, pushed_by: Sequence[str]) -> Cause:
    """What a candidate lacks that is in no published list, and the rules that may have had a part in it."""
    longest = snapshot.query("longest_list")["longest"][0] or 0
    listed = snapshot.query(
        "published_list", lists=LISTS, user_id=fusion.user_id, limit=max(longest, 1)
    ).select("score", "rules")
    moved = listed["rules"].explode().drop_nulls().unique().sort().to_list()
    lowest = min(listed["score"], default=None)
    rules = sorted({*pushed_by, *moved})
    above = lowest is not None and score > lowest
    return Cause("rule" if above and pushed_by else "score", lacking(score, lowest, listed.height, rules))


def _not_proposed(fusion: UserFusion, item_id: str) -> Cause:
    says = (
        f"No model proposed item {item_id!r} to user {fusion.user_id!r}: it is not among the "
        f"{len(fusion.item_ids):,} candidates; raise candidates in [matching] and run again to have more."
    )
    return Cause("not proposed", says)
