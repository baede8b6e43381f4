"""What a run of the main job on the small slice leaves behind, as tests read it."""

from typing import Any

import polars as pl

from tasks.evaluation.summary import build_report
from tests.homes import ITEMS, SLOTS, Home
from warehouse.columns import LISTS
from warehouse.snapshot import reading

TEXTS = ITEMS * SLOTS
STAGES = ["ingest", "corpus", "embedding", "matching", "fusion", "evaluation"]


def report_of(home: Home) -> dict[str, Any]:
    with reading(home.data) as snapshot:
        return build_report(snapshot)


def lists_of(home: Home) -> pl.DataFrame:
    return home.query("published_lists", lists=LISTS)
