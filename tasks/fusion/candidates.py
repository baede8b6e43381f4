"""The candidates of every user with every matcher's score: the one pivot from long rows to an array."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.arrays.codes import codes
from tasks.arrays.types import Flags, Floats
from warehouse.columns import ITEM, MATCHER, SCORE, USER


@dataclass(frozen=True)
class Candidates:
    """Who may be shown what, and what each matcher thinks of it."""

    users: NDArray[np.int64]
    """(U,) user codes, ascending; only users who have candidates."""
    items: NDArray[np.int32]
    """(U, C) item codes, ascending, then -1: so a stable sort by score breaks ties by the lower code."""
    scores: NDArray[np.float32]
    """(U, C, M); 0 where there is no item."""
    matchers: tuple[str, ...]
    """The M names."""
    user_features: Floats | None = None
    """(U, F), see `tasks.fusion.user_features`; None where no method asks for them."""

    @property
    def present(self) -> Flags:
        """(U, C): whether there is an item."""
        return self.items >= 0

    def take(self, rows: NDArray[np.integer]) -> "Candidates":
        """The candidates of some of the users, by row."""
        features = None if self.user_features is None else self.user_features[rows]
        return Candidates(self.users[rows], self.items[rows], self.scores[rows], self.matchers, features)

    def with_user_features(self, features: Floats) -> "Candidates":
        """The same with features (U', F) of all users, by user code."""
        return replace(self, user_features=features[self.users])

    @property
    def known_features(self) -> Floats:
        """(U, F) user features, where a method cannot do without."""
        if self.user_features is None:
            raise ValueError(
                "a gated fusion needs user features; give them with Candidates.with_user_features"
            )
        return self.user_features

    @classmethod
    def joined(cls, blocks: Sequence["Candidates"]) -> "Candidates":
        """The candidates of several blocks of users as one; blocks ascend, matchers are the same."""
        width = max(block.items.shape[1] for block in blocks)
        items = [np.pad(block.items, _missing(block, width), constant_values=-1) for block in blocks]
        n_users, matchers = sum(len(block.users) for block in blocks), blocks[0].matchers
        scores = np.zeros((n_users, width, len(matchers)), dtype=np.float32)
        start = 0
        for block in blocks:
            scores[start : start + len(block.users), : block.items.shape[1]] = block.scores
            start += len(block.users)
        users = np.concatenate([block.users for block in blocks])
        return cls(users, np.concatenate(items), scores, matchers)

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        user_ids: Sequence[str],
        item_ids: Sequence[str],
        matchers: Sequence[str] | None = None,
    ) -> "Candidates":
        """Pivot rows (user_id, item_id, matcher, score) of matching.scores of one fit.

        Every candidate must have a row of every matcher; without rows nobody has candidates. Ids are all
        there are, sorted. `matchers` says which to take, and in which order; all of them by name when None.

        Raises:
            ValueError: a matcher has no scores, two of a pair, or one that is no number.
        """
        names = tuple(matchers) if matchers is not None else tuple(sorted(frame[MATCHER].unique()))
        if frame.height and (missing := sorted(set(names) - set(frame[MATCHER].unique()))):
            raise ValueError(
                f"matcher {missing[0]!r} has no scores; let it score first: polyrec run --stage matching"
            )
        rows = frame.filter(pl.col(MATCHER).is_in(names))
        user, item = codes(rows[USER], user_ids), codes(rows[ITEM], item_ids)
        matcher = (
            rows[MATCHER].replace_strict(list(names), range(len(names)), return_dtype=pl.Int64).to_numpy()
        )
        order = np.lexsort((matcher, item, user))
        user, item, matcher = user[order], item[order], matcher[order]
        score = rows[SCORE].cast(pl.Float32).to_numpy()[order]
        _check_complete(
            user * len(item_ids) + item,
            matcher,
            score,
            names,
            lambda at: f"user {user_ids[user[at]]!r} and item {item_ids[item[at]]!r}",
        )

        by_pair = score.reshape(-1, len(names))  # (P, M)
        pair_user, pair_item = user[:: len(names)], item[:: len(names)]
        users, first, n_candidates = np.unique(pair_user, return_index=True, return_counts=True)
        row = np.repeat(np.arange(len(users)), n_candidates)
        column = np.arange(len(pair_user)) - np.repeat(first, n_candidates)
        width = int(n_candidates.max(initial=0))
        items = np.full((len(users), width), -1, dtype=np.int32)
        scores = np.zeros((len(users), width, len(names)), dtype=np.float32)
        items[row, column] = pair_item
        scores[row, column] = by_pair
        return cls(users, items, scores, names)


def _missing(block: Candidates, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """What pads a block's items to a width, as NumPy takes it."""
    return (0, 0), (0, width - block.items.shape[1])


def _check_complete(
    key: NDArray[np.int64],
    matcher: NDArray[np.int64],
    score: NDArray[np.float32],
    names: tuple[str, ...],
    pair: Callable[[int], str],
) -> None:
    """Refuse pairs that some matcher did not score, or scored twice, and scores that are not numbers.

    Rows are sorted by the key of their pair, then by matcher; `pair` names that of a row.
    """
    per_pair = np.unique(key, return_counts=True)[1]
    if not np.all(per_pair == len(names)):
        at = int(np.concatenate([[0], np.cumsum(per_pair)])[np.argmax(per_pair != len(names))])
        raise ValueError(
            f"{pair(at)} have {int(np.sum(key == key[at]))} scores, "
            f"need one of each of {', '.join(names)}; score all of them again: polyrec run --stage matching"
        )
    wrong = np.flatnonzero(matcher != np.tile(np.arange(len(names)), len(per_pair)))
    if wrong.size:
        at = int(wrong[0])
        raise ValueError(
            f"matcher {names[matcher[at]]!r} scored {pair(at)} twice; keep the rows of one run only"
        )
    if not np.isfinite(score).all():
        at = int(np.argmin(np.isfinite(score)))
        raise ValueError(
            f"matcher {names[matcher[at]]!r} gave {score[at]} to {pair(at)}; "
            "scores must be finite: look at what the matcher was fitted on"
        )
