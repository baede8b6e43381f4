"""What is told with a recommended item: the text that matched, and what of the history it is like."""

import numpy as np
import polars as pl

from tasks.arrays.codes import codes
from tasks.arrays.vectors import centred
from tasks.fusion.catalogue import Catalogue
from tasks.fusion.nearest import Likeness
from tasks.run.stage import StageRun
from warehouse.columns import ALL, ITEM, RANK, RULES, SCORE, TEXT_ID, USER, VECTOR

REASON_MATCHER = "cosine_max"  # whose text is shown, where it is among the matchers


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
            USER,
            RANK,
            ITEM,
            SCORE,
            entries.cast(pl.Map(pl.String, pl.Float64)).alias("contributions"),
            TEXT_ID,
            "like_item_id",
            RULES,
        )
    )
