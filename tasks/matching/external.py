"""Scores that another program made, read from a Parquet file."""

from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse

from tasks.matching.base import ArrayMatcher, sparse_parts
from tasks.matching.contract import FloatArray, TrainingData, UserBatch, VisitorBatch
from tasks.matching.training_data import Names
from tasks.settings.matchers import ExternalSettings
from warehouse.columns import FITS, ITEM, SCORE, USER
from warehouse.errors import PolyrecError

FIT_MARK = "{fit}"
BELOW = 0.1  # of the range of a user's scores: how far below the lowest an item without a score is


class External(ArrayMatcher[ExternalSettings]):
    """Scores of pairs from a file with the columns user_id, item_id and score.

    Each fit window has a file of its own, made from the events of that window alone, so that nothing leaks:
    the name of the fit stands in the place of {fit}. An item that the file does not score for a user is below
    all that it does, by a tenth of their range: the file may hold the best items of each user only. A user
    without rows, and a visitor, whom no file knows, scores 0 everywhere.
    """

    of_users = ("score", "below")

    def fit(self, data: TrainingData) -> None:
        """Read the file of the window."""
        if data.names is None or not data.fit:
            raise PolyrecError(
                f"matcher {self.name} needs the ids of users and items and the name of the fit"
            )
        path = file_of(self.settings.files, data.fit)
        pairs = _read(path, data.names)
        shape = (data.n_users, data.n_items)
        scores = sparse.csr_matrix((pairs[SCORE].to_numpy(), (pairs["user"], pairs["item"])), shape=shape)
        scores.sort_indices()
        rows = np.flatnonzero(np.diff(scores.indptr))
        below = np.zeros(data.n_users, dtype=np.float32)
        lowest = np.minimum.reduceat(scores.data, scores.indptr[rows]) if len(rows) else below[:0]
        highest = np.maximum.reduceat(scores.data, scores.indptr[rows]) if len(rows) else below[:0]
        spread = highest.astype(np.float64) - lowest
        margin = BELOW * np.where(spread > 0, spread, np.maximum(np.abs(lowest), 1))
        below[rows] = np.minimum(lowest - margin, np.nextafter(lowest, np.float32(-np.inf)))
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "n_items": np.array([data.n_items]),
            **sparse_parts("score", scores),
            "below": below,
        }

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32."""
        scores = self._sparse("score", self._n_items)
        out = np.repeat(self._array("below")[self._known(users.users), None], self._n_items, axis=1)
        for row, user in enumerate(users.users):
            of_user = slice(scores.indptr[user], scores.indptr[user + 1])
            out[row, scores.indices[of_user]] = scores.data[of_user]
        return out

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32 zeros: no file knows a visitor."""
        return np.zeros((len(visitors), self._n_items), dtype=np.float32)

    @property
    def _n_items(self) -> int:
        return int(self._array("n_items")[0])


def file_of(files: str, fit: str) -> Path:
    """The file of a fit window; an error names what is missing."""
    path = Path(files.replace(FIT_MARK, fit))
    if not path.is_file():
        raise PolyrecError(
            f"no file {path} with scores of the fit {fit!r}; write one for each of {', '.join(FITS)}, "
            "or mend files in [[matching.external]]"
        )
    return path


def content_hash(files: str, fit: str) -> str:
    """A hash of the bytes of a window's file: a new file is new work."""
    digest = blake2b(digest_size=16)
    with file_of(files, fit).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read(path: Path, names: Names) -> pl.DataFrame:
    """Rows of user and item codes with a float32 score, each pair once; refuse everything else."""
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise PolyrecError(f"cannot read {path}: {reason}; write it as Parquet") from None
    for column in (USER, ITEM, SCORE):
        if column not in frame.columns:
            raise PolyrecError(
                f"{path} has no column {column!r}, only {', '.join(frame.columns) or 'none'}; "
                f"it needs {USER}, {ITEM} and {SCORE}"
            )
    for column in (USER, ITEM):
        if not (frame.schema[column] == pl.String or frame.schema[column].is_integer()):
            raise PolyrecError(
                f"{path}: {column} is of type {frame.schema[column]}; make it text or integers"
            )
    if not frame.schema[SCORE].is_numeric():
        raise PolyrecError(f"{path}: {SCORE} is of type {frame.schema[SCORE]}; make it a number")
    rows = frame.select(
        pl.col(USER, ITEM).cast(pl.String), pl.col(SCORE).cast(pl.Float32, strict=False)
    ).with_row_index("row", offset=1)
    for column, ids in ((USER, names.user_ids), (ITEM, names.item_ids)):
        known = pl.DataFrame({column: pl.Series(list(ids), dtype=pl.String)}).with_row_index(column[:4])
        rows = rows.join(known, on=column, how="left", maintain_order="left")
        if (unknown := rows.filter(pl.col(column[:4]).is_null())).height:
            raise PolyrecError(
                f"{path}, row {unknown['row'][0]}: there is no {column[:4]} {unknown[column][0]!r}; "
                "leave out rows of users and items that were not ingested"
            )
    if (wrong := rows.filter(~pl.col(SCORE).is_finite().fill_null(False))).height:
        raise PolyrecError(
            f"{path}, row {wrong['row'][0]}: the score of user {wrong[USER][0]!r} and item "
            f"{wrong[ITEM][0]!r} is {wrong[SCORE][0]}; scores must be finite: leave such rows out"
        )
    if (twice := rows.filter(~pl.struct("user", "item").is_first_distinct())).height:
        raise PolyrecError(
            f"{path}, row {twice['row'][0]}: user {twice[USER][0]!r} and item {twice[ITEM][0]!r} "
            "have a score already; keep one row a pair"
        )
    return rows
