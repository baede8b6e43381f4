"""What every peer's process does: read events, fit, recommend, write scored lists, as it is asked to.

It runs in any Python with pyarrow and NumPy and imports nothing of Polyrec. One line of JSON goes out at the
start: the package, its version, and for each model its parameters (defaults, more starts, ranges). Then each
line that comes in asks for one fit, and one line goes out for it:

    {"model": "ials", "part": FOLDER, "parameters": {...}, "seed": 0, "top_n": 200, "answer": FILE}
    {"fit_s": 1.2, "score_s": 0.3}    or    {"error": "..."}

FOLDER holds events.parquet (user_id, item_id, value, event_time; a user's in time order, those of one time
shuffled), users.parquet (user_id, listed: whether a list is asked for) and items.parquet (item_id,
recommendable). FILE becomes user_id, item_id, rank (from 1), score: of items that the user has no event with
and that may be recommended.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

BLOCK_USERS = 512


@dataclass(frozen=True)
class Events:
    """One fit window. Users and items are codes: rows of users.parquet and items.parquet."""

    user_ids: pa.Array
    item_ids: pa.Array
    user: NDArray[np.int64]
    item: NDArray[np.int64]
    time: NDArray[np.int64]
    listed: NDArray[np.int64]
    """(L,) codes of the users who want a list."""
    recommendable: NDArray[np.bool_]
    """(N,)"""

    @classmethod
    def read(cls, folder: Path) -> "Events":
        """Read the three files."""
        events = pq.read_table(folder / "events.parquet")
        users, items = pq.read_table(folder / "users.parquet"), pq.read_table(folder / "items.parquet")
        user_ids, item_ids = (
            table[name].combine_chunks() for table, name in ((users, "user_id"), (items, "item_id"))
        )
        return cls(
            user_ids,
            item_ids,
            _codes(events["user_id"], user_ids),
            _codes(events["item_id"], item_ids),
            events["event_time"].to_numpy(),
            np.flatnonzero(users["listed"].to_numpy()),
            items["recommendable"].to_numpy(),
        )

    @cached_property
    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """User and item codes, each pair once, sorted."""
        cells = np.unique(self.user * len(self.item_ids) + self.item)
        return cells // len(self.item_ids), cells % len(self.item_ids)

    def seen(self, users: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(B, N): out[b, n] = whether users[b] has an event with item n."""
        out = np.zeros((len(users), len(self.item_ids)), dtype=bool)
        starts, stops = (np.searchsorted(self.pairs[0], users, side=side) for side in ("left", "right"))
        for row, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            out[row, self.pairs[1][start:stop]] = True
        return out


def _codes(values: pa.ChunkedArray, ids: pa.Array) -> NDArray[np.int64]:
    """(E,) places of values among ids."""
    found = pc.call_function("index_in", [values], pc.SetLookupOptions(value_set=ids))
    return found.to_numpy().astype(np.int64)


@dataclass(frozen=True)
class Lists:
    """Scored items, in any order: user, item and score of each row."""

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    score: NDArray[np.float64]


Recommend = Callable[[int], Lists]
"""How many items a user, to lists of the users that want one."""


@dataclass(frozen=True)
class Model:
    """A recommender and the parameters that its documentation names."""

    fit: Callable[[Events, Mapping[str, Any], int], Recommend]
    """Events, parameters and a seed to what recommends."""
    defaults: dict[str, Any]
    """The package's own."""
    space: dict[str, dict[str, Any]]
    """Parameter to its kind (int, float, categorical), low, high, log or choices."""
    starts: list[dict[str, Any]] = field(default_factory=list)
    """What the search tries before the defaults, where those are known to be meant for other data."""


def best_of(events: Events, score: Callable[[NDArray[np.int64]], NDArray[Any]], top_n: int) -> Lists:
    """Lists from a whole matrix of scores, block by block; equal scores by lower code.

    Args:
        events: say who wants a list and what may be in it.
        score: user codes (B,) to (B, N).
        top_n: items a user.
    """
    users, items, scores = [], [], []
    for start in range(0, len(events.listed), BLOCK_USERS):
        block = events.listed[start : start + BLOCK_USERS]
        masked = np.where(events.seen(block) | ~events.recommendable, -np.inf, score(block))
        order = np.argsort(-masked, axis=1, kind="stable")[:, :top_n]
        values = np.take_along_axis(masked, order, axis=1)
        rows, places = np.nonzero(np.isfinite(values))
        users.append(block[rows])
        items.append(order[rows, places])
        scores.append(values[rows, places])
    return Lists(np.concatenate(users), np.concatenate(items), np.concatenate(scores))


def serve(package: str, models: Mapping[str, Model]) -> None:
    """Answer on the standard output until nothing more is asked; libraries print to the standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    known = {
        name: {"defaults": model.defaults, "space": model.space, "starts": model.starts}
        for name, model in models.items()
    }
    _say(answers, {"package": package, "models": known})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = _answer(models[asked["model"]], asked)
        except Exception as error:  # one trial that fails is no reason to stop
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        _say(answers, answer)


def named(package: str, distribution: str) -> str:
    """A package with its version, as figures are reported."""
    return f"{package} {version(distribution)}"


def _answer(model: Model, asked: Mapping[str, Any]) -> dict[str, float]:
    events = Events.read(Path(asked["part"]))
    start = time.perf_counter()
    recommend = model.fit(events, asked["parameters"], asked["seed"])
    fitted = time.perf_counter()
    lists = recommend(asked["top_n"])
    scored = time.perf_counter()
    order = np.lexsort((lists.item, -lists.score, lists.user))
    user, item, score = lists.user[order], lists.item[order], lists.score[order]
    first = np.searchsorted(user, user)
    table = {
        "user_id": events.user_ids.take(pa.array(user)),
        "item_id": events.item_ids.take(pa.array(item)),
        "rank": pa.array(np.arange(len(user)) - first + 1, type=pa.int32()),
        "score": pa.array(score.astype(np.float32)),
    }
    pq.write_table(pa.table(table), asked["answer"])
    return {"fit_s": fitted - start, "score_s": scored - fitted}


def _say(answers: Any, values: Mapping[str, Any]) -> None:
    answers.write(json.dumps(values) + "\n")
    answers.flush()
