"""What every run of a stage has in common: the open warehouse, its time, its counts, its row in ops.runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import polars as pl

from tasks.run.adaptation import kept_choice
from tasks.run.memory import give_back, peak_rss_mb
from tasks.settings import Settings
from tasks.settings.adaptation import adapted
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError

STAGES = ("ingest", "corpus", "embedding", "matching", "fusion", "evaluation")
ASIDE = {"relevance": "fusion"}  # run by hand; each needs what the stage beside it needs


class StageRun:
    """One run of one stage, as its tasks see it.

    Not a dataclass: Prefect walks into those that it finds among a task's parameters, and copies them.
    """

    def __init__(self, stage: str, settings: Settings, warehouse: Warehouse, flow_run_id: str | None) -> None:
        self.stage = stage
        self.given = settings
        """Settings as they were read."""
        self.settings = adapted(settings, kept_choice(warehouse))
        """The same as the last adaptation to the data has them: what the stage goes by."""
        self.warehouse = warehouse
        self.flow_run_id = flow_run_id
        self.run_id = uuid4().hex
        self.fingerprint = ""  # of what the stage leaves behind
        self.counts: dict[str, float] = {}  # what is worth remembering, such as rows written
        self.unchanged = False  # whether all its work was found done


def data_fingerprint(warehouse: Warehouse) -> str:
    """Of the data set as it was last ingested; empty before that."""
    runs = warehouse.query("last_runs").filter(pl.col("stage") == "ingest")
    return runs["fingerprint"].item() if runs.height else ""


@contextmanager
def stage_run(settings: Settings, stage: str, flow_run_id: str | None = None) -> Iterator[StageRun]:
    """Run a stage inside the block; when it succeeds, write its row in ops.runs."""
    with writing(settings.data_folder, f"polyrec run, stage {stage}", settings.lock_timeout_s) as warehouse:
        _check_ready(warehouse, stage)
        started_at, start = datetime.now(UTC), time.perf_counter()
        run = StageRun(stage, settings, warehouse, flow_run_id)
        yield run
        give_back()
        run.counts["peak_rss_mb"] = peak_rss_mb()
        warehouse.execute(
            "record_run",
            run_id=run.run_id,
            stage=stage,
            flow_run_id=flow_run_id,
            fingerprint=run.fingerprint,
            started_at=started_at,
            seconds=time.perf_counter() - start,
            counts={key: float(value) for key, value in run.counts.items()},
            settings=settings.model_dump_json(),
        )


def _check_ready(warehouse: Warehouse, stage: str) -> None:
    """Refuse a stage whose predecessor has never run here: it would find its tables empty."""
    before = STAGES[: STAGES.index(ASIDE.get(stage, stage))]
    done = set(warehouse.query("last_runs")["stage"])
    if missing := [name for name in before if name not in done]:
        raise PolyrecError(
            f"stage {stage} reads what {missing[-1]} writes, which has not run on this warehouse; "
            f"run it first: polyrec run --stage {missing[0]}, or all stages: polyrec run"
        )
