"""The corpus stage in processes that are killed, at a point with a name or after a time.

`python -m tests.corpus.killing` loads everything once and then forks for every run: it reads one request a
line (`Request` as JSON) and answers with how the run ended. Before the fork it uses nothing of DuckDB, Polars
or PyTorch, whose threads would not survive it.
"""

import io
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.corpus import steps
from tasks.corpus.faithfulness import ItemData
from tasks.corpus.standing import Rules, rules_hash
from tasks.models.engine import Engine, Generation, Prompt, Sampling
from tasks.settings import PROJECT, Corpus, Settings
from tasks.settings_rewrite import Rewrite
from tasks.stage import stage_run
from tests.corpus.scripted import words_as_vector
from warehouse.connection import Warehouse, writing

JOURNAL = "generated.jsonl"
WORDS = ("quiet", "funny", "dark", "tender", "brave", "strange", "warm", "sharp", "gentle", "wild", "bitter")
HALF = "half of the draft"

Match = Callable[[tuple[Any, ...]], bool]


def _named(name: str) -> Match:
    return lambda arguments: arguments[1] == name


def _in_spool(suffix: str) -> Match:
    return lambda arguments: arguments[0].parent.name == "spool" and arguments[0].suffix == suffix


# What is done on the way to live texts. A kill before a step and one after it leave different things behind.
# DuckDB's own commit lies between "manifest, after" and "removal of the shard, before".
STEPS: dict[str, tuple[type, str, Match]] = {
    "generation": (Engine, "generate", lambda _: True),
    "draft": (pl.DataFrame, "write_parquet", lambda _: True),
    "rename": (Path, "replace", _in_spool(".tmp")),
    "texts": (Warehouse, "upsert", _named("features.texts")),
    "manifest": (Warehouse, "execute", _named("record_shard")),
    "removal of the shard": (Path, "unlink", _in_spool(".parquet")),
    "removal of a draft": (Path, "unlink", _in_spool(".tmp")),
    "removal of old live texts": (Warehouse, "delete", _named("features.live_texts")),
    "live texts": (Warehouse, "replace", _named("features.live_texts")),
    "rewrites": (Warehouse, "replace", _named("features.rewrites")),
    "text quality": (Warehouse, "upsert", _named("features.text_quality")),
    "run": (Warehouse, "execute", _named("record_run")),
    "closing": (Warehouse, "close", lambda _: True),
}


@dataclass(frozen=True)
class Request:
    """One run of the stage."""

    home: str
    kill_at: str | None = None
    """One of STEPS with ", before" or ", after", or HALF."""
    passing: int = 1
    """At which passing of it."""
    kill_after_s: float | None = None
    second_pass: bool = False
    """Whether texts are written again, too."""


class Dictated(Engine):
    """Writes what the seed says, and notes every seed in a file that outlives a kill.

    Every seventh text is cut, so that some are tried again and some are replaced by plain ones; one in
    eleven breaks the rule of `toy_rules`.
    """

    name = "dictated"

    def __init__(self, journal: Path, pause_s: float) -> None:
        self.journal, self.pause_s = journal, pause_s

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        time.sleep(self.pause_s)
        with self.journal.open("a") as file:
            file.writelines(f"{json.dumps([os.getpid(), seed])}\n" for seed in seeds)
        return [self._text(prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]

    def _text(self, prompt: Prompt, seed: int) -> Generation:
        numbers = np.random.default_rng(seed)
        words = " ".join(numbers.permutation(WORDS)[:7])
        whole = bool(numbers.integers(7))
        return Generation(
            f"{prompt[-1]} {words}{'.' if whole else ''}", 7, -float(numbers.exponential(20)), whole
        )

    def log_prob(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> NDArray[np.float64]:
        return np.array([-len("".join(prompt)) / 7 for prompt in prompts])

    def prompt_length(self, prompt: Prompt) -> int:
        return len("".join(prompt))


def toy_rules(corpus: Corpus, blocked: set[str]) -> Rules:
    """Texts whose first word after the opening is "bitter" are unsafe."""

    def check(texts: Sequence[str], _: Sequence[ItemData]) -> list[str | None]:
        return ["toy: bitter" if text.split()[-7:][0] == "bitter" else None for text in texts]

    return Rules(check, rules_hash(corpus.quality, "toy"), blocked)


class WordEncoder:
    """Stands for the one of sentences, without its threads."""

    encode = staticmethod(words_as_vector)


def settings_of(home: Path, shard_items: int, second_pass: bool = False) -> Settings:
    corpus = Corpus(shard_items=shard_items, batch_items=2, rewrite=Rewrite(enabled=second_pass))
    return Settings(home=home, corpus=corpus, seed=5)


def fill(home: Path, n_items: int) -> None:
    """A home with items and nothing else."""
    ids = [f"{number:03d}" for number in range(n_items)]
    items = pl.DataFrame(
        {
            "item_id": ids,
            "title": [f"film {item_id}" for item_id in ids],
            "year": [1950 + int(item_id) for item_id in ids],
            "categories": [["Drama", "War"][: int(item_id) % 3] for item_id in ids],
            "content_hash": ids,
        },
        schema_overrides={"categories": pl.List(pl.String), "year": pl.Int32},
    )
    with stage_run(settings_of(home, 1), "ingest") as run:
        run.warehouse.append("core.items", items)


def corpus_stage(settings: Settings) -> None:
    """What flows/corpus.py does, but for what it shows."""
    with stage_run(settings, "corpus") as run:
        wanted, shards = steps.plan.fn(run)
        for key, part in shards.items():
            steps.write_shard.fn(run, key, part)
        if settings.corpus.rewrite.enabled and (shards := steps.plan_rewriting.fn(run, wanted)):
            nearness = steps.item_nearness.fn(run)
            for key, part in shards.items():
                steps.rewrite_shard.fn(run, key, part, nearness)
        steps.make_live.fn(run, wanted)
        steps.measure.fn(run)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # not reached: the signal is on its way


def arm(request: Request, engine: type[Engine]) -> None:
    """Make this process kill itself at the point that the request names."""
    if request.kill_at == HALF:

        def half(frame: pl.DataFrame, file: io.BufferedWriter, **options: Any) -> None:
            whole = io.BytesIO()
            write(frame, whole, **options)
            file.write(whole.getvalue()[: len(whole.getvalue()) // 2])
            file.flush()
            die()

        write = pl.DataFrame.write_parquet
        pl.DataFrame.write_parquet = half  # type: ignore[method-assign, assignment]
        return
    if not request.kill_at:
        return
    name, _, when = request.kill_at.rpartition(", ")
    owner, method, matches = STEPS[name]
    owner = engine if owner is Engine else owner
    original = getattr(owner, method)
    passed = 0

    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal passed
        if not matches(arguments):
            return original(*arguments, **named)
        passed += 1
        if passed == request.passing and when == "before":
            die()
        answer = original(*arguments, **named)
        if passed == request.passing and when == "after":
            die()
        return answer

    setattr(owner, method, wrapped)


def run(request: Request, shard_items: int, pause_s: float) -> None:
    """One run of the stage in this process."""
    home = Path(request.home)
    engine = Dictated(home / JOURNAL, pause_s)
    steps.load_engine = lambda *_: engine
    steps.load_rules = lambda corpus, blocked=(): toy_rules(corpus, set(blocked))
    steps.load_encoder = WordEncoder
    arm(request, Dictated)
    corpus_stage(settings_of(home, shard_items, request.second_pass))
    os._exit(0)


class Killer:
    """The process that forks, as a test speaks to it."""

    def __init__(self, shard_items: int, pause_s: float, log: Path) -> None:
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.corpus.killing", str(shard_items), str(pause_s)],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.log = log

    def run(self, request: Request) -> tuple[bool, int, float]:
        """Whether the run was killed, its process id and its seconds; a run that failed is an error."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{json.dumps(asdict(request))}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, self.log.read_text()
        code, pid, seconds = json.loads(answer)
        assert code in (0, -signal.SIGKILL), self.log.read_text()
        return code != 0, pid, seconds


@contextmanager
def killer(shard_items: int, pause_s: float, log: Path) -> Iterator[Killer]:
    """A process that forks; it is gone afterwards."""
    one = Killer(shard_items, pause_s, log)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


def generated(home: Path) -> Mapping[int, list[int]]:
    """Process to the seeds of what it generated, in order."""
    found: dict[int, list[int]] = {}
    for line in (home / JOURNAL).read_text().splitlines():
        pid, seed = json.loads(line)
        found.setdefault(pid, []).append(seed)
    return found


def tables(home: Path, shard_items: int) -> dict[str, pl.DataFrame]:
    """All that the stage leaves, but for times."""
    with writing(settings_of(home, shard_items).data_folder, "a test") as warehouse:
        queries = ("live_texts", "text_quality", "known_texts", "rewrites")
        return {
            **{name: warehouse.query(name) for name in queries},
            "shards": warehouse.query("done_shards", stage="corpus", fit=""),
            "rewritten shards": warehouse.query("done_shards", stage="rewriting", fit=""),
        }


def _wait(pid: int, kill_after_s: float | None) -> int:
    """The status of a child that ends, or is ended, by itself or after a time."""
    if kill_after_s is not None:
        deadline = time.perf_counter() + kill_after_s
        while time.perf_counter() < deadline:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return status
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def main() -> None:
    """Fork for every line of stdin; answer with exit code, process id and seconds."""
    shard_items, pause_s = int(sys.argv[1]), float(sys.argv[2])
    for line in sys.stdin:
        request = Request(**json.loads(line))
        start = time.perf_counter()
        pid = os.fork()
        if not pid:
            try:
                run(request, shard_items, pause_s)
            except BaseException:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        status = _wait(pid, request.kill_after_s)
        answer = (os.waitstatus_to_exitcode(status), pid, time.perf_counter() - start)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
