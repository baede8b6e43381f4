"""The most popular items, a peer that needs no package: by their users, over all of the log or its end."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from worker import Events, Lists, Model, Recommend, best_of, serve

DAY_S = 86_400


def fit(events: Events, parameters: Mapping[str, Any], _seed: int) -> Recommend:
    """Count each user once an item; an item without events in the last `days` has a count of 0."""
    days = parameters["days"]
    recent = np.ones(len(events.time), dtype=bool)
    if days is not None:
        recent = events.time >= events.time.max() - days * DAY_S
    cells = np.unique(events.user[recent] * len(events.item_ids) + events.item[recent])
    counts = np.bincount(cells % len(events.item_ids), minlength=len(events.item_ids)).astype(np.float64)

    def recommend(top_n: int) -> Lists:
        return best_of(events, lambda users: np.broadcast_to(counts, (len(users), len(counts))), top_n)

    return recommend


MODELS = {
    "popularity": Model(
        fit,
        defaults={"days": None},
        space={"days": {"kind": "categorical", "choices": [None, 7, 14, 30, 60, 90, 180, 365]}},
    )
}

if __name__ == "__main__":
    serve("popularity", MODELS)
