"""The lists that a fusion gives: as item codes to judge, and as rows to publish."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.fusion.candidates import Candidates
from tasks.fusion.model import FusionModel
from tasks.fusion.objective import picked_items
from tasks.fusion.rerank_head import RerankContext
from tasks.measures import Codes
from warehouse.columns import ITEM, RANK, SCORE, USER


def list_codes(candidates: Candidates, model: FusionModel, context: RerankContext, k: int) -> Codes:
    """(U, k) item codes, best first, -1 padded; the rows are candidates.users."""
    _, places = model.lists(candidates, context, k)
    return picked_items(candidates.items, places)


def list_rows(
    candidates: Candidates,
    model: FusionModel,
    context: RerankContext,
    k: int,
    user_ids: Sequence[str],
    item_ids: Sequence[str],
) -> pl.DataFrame:
    """Lists to publish: user_id, rank (from 1), item_id, score, contributions; sorted by user, then rank.

    `contributions` is a struct with one field a matcher, which DuckDB takes as a map; the fields of a row add
    up to its score. Ranks follow re-ranking, so a score may be higher than the one above it.
    """
    scores, places = model.lists(candidates, context, k)
    row, rank = np.nonzero(places >= 0)
    column = places[row, rank]
    parts = model.contributions(candidates, row, column)  # (R, M)
    return pl.DataFrame(
        {
            USER: pl.Series(user_ids, dtype=pl.String).gather(candidates.users[row]),
            RANK: (rank + 1).astype(np.int32),
            ITEM: pl.Series(item_ids, dtype=pl.String).gather(candidates.items[row, column]),
            SCORE: scores[row, column],
            "contributions": pl.DataFrame(parts, schema=list(candidates.matchers)).to_struct(),
        }
    )
