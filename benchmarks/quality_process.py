"""A peer's process, as benchmarks/quality.py speaks to it: a line of JSON a request, Parquet for the data."""

import json
import os
import queue
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any, Self

import numpy as np
import polars as pl

from benchmarks.quality_choices import PYTHON, Peer
from tasks.settings import PROJECT
from tasks.studies.window import Window
from warehouse.columns import ITEM, TIME, USER, VALUE

SCRIPTS = PROJECT / "benchmarks" / "peers"
START_S = 300.0  # a cold start of torch and its friends on a busy machine
LAST_LINES = 15


class PeerFailed(RuntimeError):
    """A peer that ended, or answered with an error; the message holds the end of what it printed."""


class PeerTooSlow(RuntimeError):
    """A peer that had not answered when its time was up; its process is gone."""


def write_part(folder: Path, window: Window, seed: int) -> None:
    """Write what a peer may know of a part: the events of its window, who wants a list, what may be in it."""
    folder.mkdir(parents=True, exist_ok=True)
    data = window.fit.data.learned
    # Inside a block of equal times there is no order: it is drawn, or the order of ids would be one.
    order = np.lexsort((np.random.default_rng(seed).random(len(data.user)), data.time, data.user))
    users = pl.Series(USER, window.fit.user_ids, dtype=pl.String)
    items = pl.Series(ITEM, window.fit.item_ids, dtype=pl.String)
    events = {
        USER: users.gather(data.user[order]),
        ITEM: items.gather(data.item[order]),
        VALUE: data.value[order],
        TIME: data.time[order],
    }
    listed = np.isin(np.arange(len(users)), window.users)
    recommendable = window.truth.recommendable
    recommendable = np.ones(len(items), dtype=bool) if recommendable is None else recommendable
    _write(folder / "events.parquet", pl.DataFrame(events))
    _write(folder / "users.parquet", pl.DataFrame({USER: users, "listed": listed}))
    _write(folder / "items.parquet", pl.DataFrame({ITEM: items, "recommendable": recommendable}))


def _write(path: Path, frame: pl.DataFrame) -> None:
    frame.write_parquet(path, compression="zstd")


class Process:
    """A running peer; started again after it was ended. Use it as a context manager."""

    def __init__(self, peer: Peer, log: Path) -> None:
        """Say what to run.

        Args:
            peer: which.
            log: takes what the process prints besides its answers.
        """
        self.peer, self._log = peer, log
        self.package = ""
        self.known: dict[str, Any] = {}
        """The model's defaults, starts and space, once the process runs."""

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def ask(self, request: Mapping[str, Any], timeout_s: float) -> dict[str, float]:
        """Ask for one fit and wait for its answer: fit_s and score_s.

        Raises:
            PeerTooSlow: no answer in time.
            PeerFailed: the process ended, or the fit went wrong.
        """
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps({"model": self.peer.model, **request}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed("ended") from None
        answer = self._answer(timeout_s)
        if "error" in answer:
            raise self._failed(answer["error"])
        return answer

    def _start(self) -> None:
        python = PYTHON if self.peer.is_packaged else sys.executable
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [python, SCRIPTS / self.peer.script],
                cwd=self._log.parent,
                # All systems are measured on the processor; Polyrec's own packages stay out of sight.
                env={
                    **{k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
                    "CUDA_VISIBLE_DEVICES": "",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._lines: queue.Queue[str] = queue.Queue()
        Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()
        said = self._answer(START_S)
        self.package, self.known = said["package"], said["models"][self.peer.model]

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
        """Pass lines on as they come; an empty one is the end."""
        assert process.stdout
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            self._stop()
            self._start()
            raise PeerTooSlow(f"{self.peer.name} gave no answer in {timeout_s:.0f} s") from None
        if not line:
            raise self._failed("ended")
        return json.loads(line)

    def _failed(self, why: str) -> PeerFailed:
        tail = "\n".join(self._log.read_text(encoding="utf-8").splitlines()[-LAST_LINES:])
        return PeerFailed(f"{self.peer.name}: {why}\n{tail}")

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
