"""The lists that a fusion gives: as item codes to judge, and as rows to publish."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.arrays.types import Codes
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import FusionModel
from tasks.fusion.objective import picked_items
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.rules import ruled_lists
from tasks.rules.book import RuleBook
from warehouse.columns import ITEM, RANK, RULES, SCORE, USER


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
    book: RuleBook | None = None,
) -> pl.DataFrame:
    """Lists to publish: user_id, rank (from 1), item_id, score, contributions, rules; by user, then rank.

    `contributions` is a struct with one field a matcher, which DuckDB takes as a map; the fields of a row add
    up to its score. Ranks follow re-ranking and rules, so a score may be higher than the one above it. What a
    rule adds to a score is not in it; an item that no matcher scored for the user has 0 throughout.
    """
    scores = model.scores(candidates)
    ruled = ruled_lists(
        scores, candidates, book, k, lambda told: model.reranked(told, candidates, context, k)
    )
    row, rank = np.nonzero(ruled.items >= 0)
    column = ruled.places[row, rank]
    scored = column >= 0
    parts = np.zeros((len(row), len(candidates.matchers)))  # (R, M)
    parts[scored] = model.contributions(candidates, row[scored], column[scored])
    return pl.DataFrame(
        {
            USER: pl.Series(user_ids, dtype=pl.String).gather(candidates.users[row]),
            RANK: (rank + 1).astype(np.int32),
            ITEM: pl.Series(item_ids, dtype=pl.String).gather(ruled.items[row, rank]),
            SCORE: np.where(scored, scores[row, column], 0.0),
            "contributions": pl.DataFrame(parts, schema=list(candidates.matchers)).to_struct(),
            RULES: ruled.names(row, rank),
        }
    )
