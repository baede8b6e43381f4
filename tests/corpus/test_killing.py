"""Texts after kills: a run killed at any point goes on and ends as one that nothing stopped."""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from tasks.corpus.prompts import text_seed
from tests.corpus.killing import HALF, STEPS, CorpusRequest, fill, generated, settings_of, tables
from tests.killing import Killer, killer
from warehouse.spool import number_of_shards, shard_key

MODULE = "tests.corpus.killing"
REWRITTEN = -1  # the attempt whose seed the second pass takes
ITEMS, SHARD_ITEMS, SHARDS, PAUSE_S = 16, 4, 4, 0.0
LONG_SHARD_ITEMS, LONG_PAUSE_S = 2, 0.004
# How often a history is killed at one point; make test-thorough does so three times.
TIMES = [1, pytest.param(3, marks=pytest.mark.thorough)]
# A shard is written to the end here: what was written is not lost.
KEPT = [
    "rename, after",
    "texts, before",
    "texts, after",
    "manifest, before",
    "manifest, after",
    "removal of the shard, before",
]
LOST = ["generation, before", "generation, after", "draft, before", HALF, "draft, after", "rename, before"]
ALL_WRITTEN = [
    f"{step}, {when}"
    for step in ("removal of old live texts", "live texts", "text quality", "run", "closing")
    for when in ("before", "after")
]
REWRITES = ["rewrites, before", "rewrites, after"]
# Of the second pass: before a shard is whole, once it is, when all is written. The others are thorough tests.
ALWAYS_REWRITTEN = ("draft, after", "texts, after", "rewrites, before")


class Template:
    """A home to begin with, and what a run that nothing stopped makes of it.

    Args:
        folder: where homes go.
        n_items: in the catalogue.
        shard_items: about so many go to a shard.
        killer: runs.
        after: the template whose first pass is done before; runs rewrite its texts.
    """

    def __init__(
        self, folder: Path, n_items: int, shard_items: int, killer: Killer, after: "Template | None" = None
    ) -> None:
        self.folder, self.killer, self.shard_items = folder, killer, shard_items
        self.second_pass = after is not None
        if after:
            self.begin = after.folder / "whole"
        else:
            self.begin = folder / "empty"
            fill(self.begin, n_items)
        whole = self.copy("whole")
        stopped, self.pid, self.seconds = self.run(whole)
        assert not stopped
        self.tables = tables(whole, shard_items)
        self.generated = generated(whole)[self.pid]
        shards = number_of_shards(n_items, shard_items)
        settings = settings_of(whole, shard_items)
        self.shard_of = {
            text_seed(settings.seed, item_id, slot, attempt): shard_key(item_id, shards)
            for item_id in (f"{number:03d}" for number in range(n_items))
            for slot in range(len(settings.corpus.angles))
            for attempt in (REWRITTEN, *range(settings.corpus.attempts))
        }

    def copy(self, name: str) -> Path:
        return Path(shutil.copytree(self.begin, self.folder / name))

    def run(
        self, home: Path, kill_at: str | None = None, passing: int = 1, kill_after_s: float | None = None
    ) -> tuple[bool, int, float]:
        return self.killer.run(CorpusRequest(str(home), kill_at, passing, kill_after_s, self.second_pass))

    def begun(self, home: Path, pids: list[int]) -> list[int]:
        """In how many shards each run wrote."""
        by = generated(home)
        return [len({self.shard_of[seed] for seed in by.get(pid, [])}) for pid in pids]

    def check(self, home: Path, pids: list[int]) -> list[str]:
        """Fail unless a home is as if nothing had happened; return the shards written more than once.

        Args:
            home: after the last run.
            pids: of the runs, in order: all but the last were killed.
        """
        for name, frame in tables(home, self.shard_items).items():
            assert_frame_equal(frame, self.tables[name], check_exact=True)
        assert list((home / "warehouse" / "data" / "spool").iterdir()) == []
        by = generated(home)
        seeds = [by.get(pid, []) for pid in pids]
        assert {seed for written in seeds for seed in written} == set(self.generated)
        again = []
        for at, written in enumerate(seeds):
            assert len(written) == len(set(written))
            later = {seed for those in seeds[at + 1 :] for seed in those}
            twice = {self.shard_of[seed] for seed in written if seed in later}
            assert twice <= {self.shard_of[seed] for seed in written[-1:]}, "more than the shard in hand"
            again += sorted(twice)
        return again


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    folder = tmp_path_factory.mktemp("killed")
    with killer(MODULE, (SHARD_ITEMS, PAUSE_S), folder / "log") as process:
        yield Template(folder, ITEMS, SHARD_ITEMS, process)


@pytest.fixture(scope="module")
def rewriting(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("rewriting")
    return Template(folder, ITEMS, SHARD_ITEMS, template.killer, after=template)


def killed_at(template: Template, home: Path, points: list[tuple[str, int]]) -> list[int]:
    """Run until each point in turn, and then to the end; returns the process ids."""
    pids = []
    for point, passing in points:
        stopped, pid, _ = template.run(home, point, passing)
        assert stopped, f"nothing passed {point} {passing} times"
        pids.append(pid)
    stopped, pid, _ = template.run(home)
    assert not stopped
    return [*pids, pid]


def test_toy_has_texts_of_every_kind(template: Template) -> None:
    texts = template.tables["known_texts"]
    assert set(texts["status"]) == {"ok", "fallback", "quarantined"}
    assert set(texts["attempt"]) == {0, 1, 2}
    assert template.tables["live_texts"].height == template.tables["text_quality"].height == 3 * ITEMS
    assert (
        template.tables["shards"].height
        == SHARDS
        == template.begun(template.folder / "whole", [template.pid])[0]
    )
    assert len(template.generated) > 3 * ITEMS


def test_points_are_all_there() -> None:
    named = {point.rpartition(", ")[0] for point in [*LOST, *KEPT, *ALL_WRITTEN] if point != HALF}
    assert named == set(STEPS) - {"removal of a draft", "rewrites"}  # killed below


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("point", LOST)
def test_killed_before_a_shard_is_whole(template: Template, point: str, times: int) -> None:
    """The shard in hand is written again, no other one."""
    home = template.copy(f"{point}, {times}")
    pids = killed_at(template, home, [(point, 1)] * times)
    again = template.check(home, pids)
    if point == "generation, before":
        assert again == [] and template.begun(home, pids) == [*[0] * times, SHARDS]
    else:
        assert len(again) == times and len(set(again)) == 1
        assert template.begun(home, pids) == [*[1] * times, SHARDS]


@pytest.mark.parametrize("point", [*KEPT, "removal of the shard, after"])
def test_killed_once_a_shard_is_whole(template: Template, point: str) -> None:
    """At the first shard, at the first thing that the next run does with it, and at a later shard."""
    home = template.copy(point)
    pids = killed_at(template, home, [(point, 1), (point, 1), (point, 2)])
    assert template.check(home, pids) == []
    loads = point in (
        "rename, after",
        "removal of the shard, after",
    )  # the next run gets over the first shard
    assert template.begun(home, pids) == ([1, 1, 2, 0] if loads else [1, 0, 1, 2])


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("point", ALL_WRITTEN)
def test_killed_when_all_is_written(template: Template, point: str, times: int) -> None:
    home = template.copy(f"{point}, {times}")
    pids = killed_at(template, home, [(point, 1)] * times)
    assert template.check(home, pids) == []
    assert template.begun(home, pids) == [SHARDS, *[0] * times]


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_it_cleans_up(template: Template, when: str, times: int) -> None:
    """Half a draft is left, and the next run dies where it removes it."""
    home = template.copy(f"clean-up {when}, {times}")
    points = [(HALF, 1), (f"removal of a draft, {when}", 1)] * times
    pids = killed_at(template, home, points)
    again = template.check(home, pids)
    assert len(again) == times and len(set(again)) == 1
    assert template.begun(home, pids) == [*[1, 0] * times, SHARDS]


def test_toy_keeps_some_rewrites(rewriting: Template) -> None:
    rewrites = rewriting.tables["rewrites"]
    assert set(rewrites["kept"]) == {True, False}
    assert rewriting.tables["rewritten shards"].height == SHARDS
    assert len(rewriting.generated) == rewrites.height == 3 * ITEMS


@pytest.mark.parametrize(
    "point",
    [
        point if point in ALWAYS_REWRITTEN else pytest.param(point, marks=pytest.mark.thorough)
        for point in [*LOST, *KEPT, "removal of the shard, after", *ALL_WRITTEN, *REWRITES]
    ],
)
def test_second_pass_killed(rewriting: Template, point: str) -> None:
    """Three times in one history; no more than the shard in hand is written again."""
    home = rewriting.copy(point)
    pids = killed_at(rewriting, home, [(point, 1)] * 3)
    again = rewriting.check(home, pids)
    lost = point in LOST and point != "generation, before"
    assert len(again) == (3 if lost else 0) and len(set(again)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("often", "n_items"), [(2, 24), pytest.param(20, 64, marks=pytest.mark.thorough)])
def test_killed_at_random_moments(tmp_path: Path, often: int, n_items: int) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(2**32))
    print(f"KILL_SEED={seed}")
    draws = random.Random(seed)
    kills = histories = 0
    with killer(MODULE, (LONG_SHARD_ITEMS, LONG_PAUSE_S), tmp_path / "log") as process:
        template = Template(tmp_path, n_items, LONG_SHARD_ITEMS, process)
        while kills < often:
            home, pids = template.copy(f"history {histories}"), []
            histories += 1  # a run may end before its kill
            stopped = True
            while stopped:
                after_s = draws.uniform(0, template.seconds / 2) if kills < often else None
                stopped, pid, _ = template.run(home, kill_after_s=after_s)
                kills += stopped
                pids.append(pid)
            template.check(home, pids)
    assert kills == often
