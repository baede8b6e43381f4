"""Which past action a list depends on: the history is scored again without each of its items.

Leave-one-out over the history, in one batch. What is approximated: the fitted matchers stay what they are,
so what the action taught them stays, too; candidates and user features stay the same; the person
is scored as a visitor with this history, by matchers that can do so, and the others' scores are kept. Scores
are normalised anew for every history. The list with the whole history is made in the same way: only
differences count.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from serving.explain_user import UserFusion
from serving.published import fitted_matchers
from serving.visitors import SEMANTIC
from tasks.arrays.types import Floats
from tasks.embedding.interests import Histories, interest_vectors
from tasks.fusion.candidates import Candidates
from tasks.items.item import Item
from tasks.matching.contract import FloatArray, IntArray, Matcher, VisitorBatch
from tasks.matching.saved import load_matchers
from tasks.matching.search_semantic import SearchSemantic
from tasks.settings import Settings
from warehouse.columns import ITEM

LATEST = 100  # so many of the latest items of a history are left out, one after the other
MOST_SCORES = 1 << 24  # of a matcher at once: 64 MB


class Removal(NamedTuple):
    """What would be without one past action; all events with one item are one action."""

    item_id: str
    title: str
    time: int
    """Of the latest event, in seconds since 1970-01-01 UTC."""
    score: float
    """Of the explained item."""
    place: int
    """Of the explained item, among all candidates by score."""
    replaced: int
    """How many items of the list would be others."""


class Effects(NamedTuple):
    """The removals that matter most."""

    of_item: Removal | None
    """Lowers the explained item's score most; None where none lowers it."""
    of_list: Removal | None
    """Replaces most items of the list; None where none replaces any."""
    score: float
    """Of the explained item with the whole history, computed in the same way."""
    place: int
    tried: int
    """How many actions were left out in turn."""
    history: int
    """How many there are."""


def leave_one_out(fusion: UserFusion, settings: Settings, column: int, k: int) -> Effects | None:
    """Leave each of the latest items of a history out; None for an empty history.

    What is explained is the candidate in a column; what is compared is the list of k items.

    Raises:
        WarehouseError: the fitted matchers are not there, or not those of the publication.
    """
    folder, manifest = fitted_matchers(fusion.snapshot, settings)
    names = [name for name in fusion.matchers if name in manifest.matchers]
    matchers = load_matchers(folder, {*names, SEMANTIC})
    semantic = matchers[SEMANTIC]
    assert isinstance(semantic, SearchSemantic)

    past = fusion.snapshot.query("past_items", user_id=fusion.user_id)
    code = {item_id: place for place, item_id in enumerate(manifest.item_ids)}
    past = past.filter(past[ITEM].is_in(manifest.item_ids))
    if past.is_empty():
        return None
    items = np.array([code[item_id] for item_id in past[ITEM]], dtype=np.int64)
    histories = without_each(len(items), LATEST)
    batch = _visitors(
        items, past["event_time"].to_numpy(), past["value"].to_numpy(), histories, semantic, settings
    )
    columns = np.array([code[item_id] for item_id in fusion.item_ids], dtype=np.int64)
    scores = rescored(
        fusion.candidates, {name: matchers[name] for name in names if name in matchers}, batch, columns
    )
    fused = fusion.model.scores(scores)  # (1 + H, C)
    lists = fusion.lists(fused, k)
    place = 1 + (fused > fused[:, [column]]).sum(axis=1)
    replaced = np.array([len(np.setdiff1d(lists[0], one)) for one in lists])
    drop = fused[0, column] - fused[:, column]  # (1 + H,)
    shift = np.abs(fused - fused[0]).max(axis=1)

    def removal(row: int) -> Removal:
        left_out = past.row(len(items) - row, named=True)
        title = Item.of(left_out).titled
        return Removal(
            *(left_out[ITEM], title, left_out["event_time"]),
            *(float(fused[row, column]), int(place[row]), int(replaced[row])),
        )

    of_item = int(np.lexsort((place, drop))[-1])
    of_list = int(np.lexsort((shift, replaced))[-1])
    return Effects(
        removal(of_item) if drop[of_item] > 0 else None,
        removal(of_list) if replaced[of_list] > 0 else None,
        *(float(fused[0, column]), int(place[0]), len(histories) - 1, len(items)),
    )


def without_each(n: int, latest: int) -> list[NDArray[np.int64]]:
    """Places 0 to n - 1 all together, then without the last, without the one before it, and so on.

    >>> [places.tolist() for places in without_each(3, latest=2)]
    [[0, 1, 2], [0, 1], [0, 2]]
    """
    everything = np.arange(n)
    return [everything, *(np.delete(everything, n - 1 - back) for back in range(min(n, latest)))]


def rescored(
    candidates: Candidates, matchers: dict[str, Matcher], visitors: VisitorBatch, columns: IntArray
) -> Candidates:
    """The C candidates of one user, scored for B histories; matchers that cannot keep their scores.

    `matchers` are those that score visitors, by name; they know the candidates by the codes `columns` (C,).
    """
    n = len(visitors)
    scores = np.repeat(candidates.scores, n, axis=0)  # (B, C, M)
    for place, name in enumerate(candidates.matchers):
        if name in matchers:
            scores[:, :, place] = _in_blocks(matchers[name], visitors, columns)
    same = candidates.take(np.zeros(n, dtype=np.int64))
    return replace(same, users=np.arange(n), scores=scores)


def _in_blocks(matcher: Matcher, visitors: VisitorBatch, columns: IntArray) -> FloatArray:
    """(B, C): what a matcher gives the columns, so many visitors at once as memory has room for."""
    block = max(1, MOST_SCORES // (int(columns.max()) + 1))
    parts = []
    for start in range(0, len(visitors), block):
        bounds = visitors.start[start : start + block + 1]
        some = VisitorBatch(
            visitors.item[bounds[0] : bounds[-1]],
            bounds - bounds[0],
            visitors.interests[start : start + block],
            visitors.queries[start : start + block],
        )
        parts.append(matcher.score_visitors(some)[:, columns])
    return np.concatenate(parts)


def _visitors(
    items: IntArray,
    time: IntArray,
    value: Floats,
    histories: Sequence[IntArray],
    semantic: SearchSemantic,
    settings: Settings,
) -> VisitorBatch:
    """One visitor a history, whose interests are made as those of users are, all from the same seed."""
    embedding = settings.embedding
    interests = [
        interest_vectors(
            semantic.directions,
            Histories.of_one(items[places], time[places], value[places].astype(np.float32)),
            embedding.interests,
            embedding.half_life_items,
            settings.seed,
        )[0]
        for places in histories
    ]
    return VisitorBatch(
        np.concatenate([items[places] for places in histories]),
        np.concatenate([[0], np.cumsum([len(places) for places in histories])]),
        np.concatenate(interests),
        [""] * len(histories),
    )
