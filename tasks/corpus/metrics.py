"""The metrics of live texts as rows of features.text_quality, and their means over a run."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.corpus.faithfulness import faithfulness
from tasks.corpus.prompts import parts_of
from tasks.corpus.quality import distinct, is_refusal, repetition, self_bleu, words_of
from tasks.items.item import Item
from tasks.models.engine import opening_of
from warehouse.columns import ANGLE, ITEM, SLOT, TEXT_ID

ROWS = {
    TEXT_ID: pl.String,
    "among": pl.String,
    "words": pl.Int32,
    "claims": pl.Int32,
    "unfounded": pl.Int32,
    "faithfulness": pl.Float64,
    "repetition": pl.Float64,
    "refusal": pl.Boolean,
    "distinct_1": pl.Float64,
    "distinct_2": pl.Float64,
    "self_bleu": pl.Float64,
}
MEANS = ("words", "faithfulness", "repetition", "distinct_1", "distinct_2", "self_bleu")


def metrics_of(live: pl.DataFrame, languages: Mapping[str, str]) -> pl.DataFrame:
    """Rows of features.text_quality: each text by itself and beside its item's others.

    `live` has the columns of live_texts_for_metrics.sql, all texts of each item; `languages` those of angles.
    """
    rows = []
    for _, texts in live.sort(ITEM, SLOT).group_by(ITEM, maintain_order=True):
        together = texts["text"].to_list()
        variety = {"distinct_1": distinct(together, 1), "distinct_2": distinct(together, 2)}
        for row, bleu in zip(texts.iter_rows(named=True), self_bleu(together), strict=True):
            text, opening = row["text"], opening_of(parts_of(row["prompt"]))
            found = faithfulness(text, Item.of(row), opening, languages.get(row[ANGLE], "en"))
            own = {
                **variety,
                TEXT_ID: row[TEXT_ID],
                "among": row["among"],
                "words": len(words_of(text)),
                "claims": found.claims,
                "unfounded": len(found.unfounded),
                "faithfulness": found.share,
                "repetition": repetition(text),
                "refusal": is_refusal(text),
                "self_bleu": bleu,
            }
            rows.append(own)
    return pl.DataFrame(rows, schema=ROWS)


def quality_counts(texts: pl.DataFrame) -> dict[str, float]:
    """A run's figures from text_quality.sql: means over the live texts, and shares of them."""
    if texts.is_empty():
        return {}
    means = texts.select(pl.col(name).mean() for name in MEANS).row(0, named=True)
    shares = texts.select(
        refusal_share=pl.col("refusal").mean(),
        fallback_share=(pl.col("status") == "fallback").mean(),
        retried_share=(pl.col("attempt") > 0).mean(),
    ).row(0, named=True)
    return {name: float(value) for name, value in (means | shares).items() if value is not None}


def text_report(texts: pl.DataFrame, spread: pl.DataFrame, rewrites: pl.DataFrame) -> dict[str, Any]:
    """All figures about the live texts, and what stands behind the plain ones.

    The frames are those of text_quality.sql, spread_totals.sql and rewrites.sql.
    """
    return {
        "texts": texts.height,
        "items": texts[ITEM].n_unique(),
        "whole_sentences": float(texts["whole_sentence"].mean() or 0.0),  # type: ignore[arg-type]
        **quality_counts(texts),
        **spread.row(0, named=True),
        "fallback_reasons": fallback_reasons(texts),
        "rewrites": rewrites.height,
        "rewrites_kept": int(rewrites["kept"].sum()),
        "rewrite_reasons": _kinds(rewrites.filter(~pl.col("kept"))),
    }


def fallback_reasons(texts: pl.DataFrame) -> dict[str, int]:
    """Why plain texts are live: the kind of the last fault to their number, most first."""
    return _kinds(texts.filter(pl.col("status") == "fallback"))


def _kinds(texts: pl.DataFrame) -> dict[str, int]:
    """The kinds of the reasons, what stands before the colon, to their number; most first."""
    kinds = texts.select(kind=pl.col("reason").fill_null("").str.split(":").list.first())
    return dict(kinds.group_by("kind").len().sort("len", "kind", descending=[True, False]).iter_rows())
