"""The lists that are published, as rows: what each matcher gave, the text that matched, what it is like."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.arrays.codes import codes
from tasks.arrays.vectors import centred
from tasks.fusion.candidates import Candidates
from tasks.fusion.catalogue import Catalogue
from tasks.fusion.model import FusionModel
from tasks.fusion.nearest import Likeness
from tasks.fusion.rerank_head import RerankContext
from tasks.rules.applying import ruled_lists
from tasks.rules.book import RuleBook
from tasks.run.stage import StageRun
from warehouse.columns import ALL, ITEM, RANK, RULES, SCORE, TEXT_ID, USER, VECTOR

REASON_MATCHER = "cosine_max"  # whose text is shown, where it is among the matchers


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
        scores,
        candidates.users,
        candidates.items,
        book,
        k,
        lambda adjusted: model.reranked(adjusted, candidates, context, k),
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
            SCORE: np.where(scored, scores[row, column], 0.0) + 0.0,  # no minus before zero
            "contributions": pl.DataFrame(parts + 0.0, schema=list(candidates.matchers)).to_struct(),
            RULES: ruled.names(row, rank),
        }
    )


def with_reasons(
    run: StageRun, lists: pl.DataFrame, publication_id: str, catalogue: Catalogue
) -> pl.DataFrame:
    """Rows of serving.recommendations: each with the text that matched its user best, and what it is like."""
    matchers = run.settings.matching.matchers
    matcher = (
        REASON_MATCHER
        if REASON_MATCHER in matchers
        else next((m for m in matchers if m.startswith("cosine")), "")
    )
    reasons = run.warehouse.query("candidate_scores", fit=ALL, matchers=[matcher]).select(USER, ITEM, TEXT_ID)
    past, vectors = run.warehouse.query("interactions"), run.warehouse.query("item_vectors")
    content = np.zeros_like(catalogue.vectors)
    content[codes(vectors[ITEM], catalogue.item_ids)] = vectors[VECTOR].to_numpy()
    near = Likeness(catalogue.vectors, centred(content)).nearest(
        *(codes(lists[USER], catalogue.user_ids), codes(lists[ITEM], catalogue.item_ids)),
        *(codes(past[USER], catalogue.user_ids), codes(past[ITEM], catalogue.item_ids)),
    )
    like = pl.Series(catalogue.item_ids, dtype=pl.String).gather(pl.Series(near).replace(-1, None))
    names = lists["contributions"].struct.fields
    entries = pl.concat_list(
        pl.struct(key=pl.lit(name), value=pl.col("contributions").struct.field(name)) for name in names
    )
    return (
        lists.with_columns(like.alias("like_item_id"))
        .join(reasons, on=[USER, ITEM], how="left", maintain_order="left")
        .select(
            pl.lit(publication_id).alias("publication_id"),
            *(USER, RANK, ITEM, SCORE),
            entries.cast(pl.Map(pl.String, pl.Float64)).alias("contributions"),
            *(TEXT_ID, "like_item_id", RULES),
        )
    )
