"""Which of the texts that were ever written stand, by today's rules and an operator's decisions."""

from collections.abc import Collection
from typing import NamedTuple

import polars as pl

from tasks.corpus.acceptance import SafetyCheck
from tasks.run.fingerprint import fingerprint
from tasks.settings.corpus import Quality
from warehouse.columns import ITEM, SLOT, TEXT_ID


class Rules(NamedTuple):
    """What decides whether a text may stand."""

    safety: SafetyCheck
    digest: str
    """From `rules_hash`."""
    blocked: Collection[str] = ()
    """Ids of texts that an operator blocked."""


def rules_hash(quality: Quality, safety_version: str) -> str:
    """Hash of all that a verdict depends on beside the text and its item."""
    return fingerprint(quality.model_dump(), safety_version)


def standing_texts(known: pl.DataFrame, rules: str) -> pl.DataFrame:
    """The known texts that may be shown: judged under today's rules, or released by an operator.

    Args:
        known: columns of known_texts.sql.
        rules: from `rules_hash`.
    """
    released = (pl.col("decision") == "released").fill_null(False)
    judged = (pl.col("rules") == rules).fill_null(False)
    return known.filter(~pl.col("hidden") & (released | judged))


def chosen_texts(wanted: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    """The text of every wanted (item, slot): released, else written, else the plain one."""
    keys = [ITEM, SLOT, "prompt_hash"]
    order = pl.when((pl.col("decision") == "released").fill_null(False)).then(0)
    order = order.when(pl.col("status") != "fallback").then(1).otherwise(2)
    found = wanted.join(standing, on=keys).with_columns(order=order)
    found = found.sort(ITEM, SLOT, "order", "attempt", TEXT_ID)
    return found.unique([ITEM, SLOT], keep="first", maintain_order=True).drop("order")
