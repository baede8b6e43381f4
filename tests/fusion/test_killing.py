"""Publications after kills: readers see old lists or new ones, and a start lets all agree again."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tasks.run.tracking import Tracking
from tasks.settings import Settings
from tests.empty import with_tracking, with_warehouse
from tests.fusion.killing import POINTS, ROWS, PublicationRequest, check_agreement, identity, publish_number
from tests.killing import Killer, killer
from tests.warehouse.conftest import NOW, fill
from warehouse.columns import LISTS
from warehouse.connection import writing
from warehouse.snapshot import reading

# Before the commit the old lists stay for good; after it, the new ones are the truth.
LOST = [
    *(
        "model version, before",
        "model version, after",
        "transaction, before",
        "lists, before",
        "lists, after",
    ),
    *("publication, before", "publication, after", "truth, before", "truth, after"),
    *("mark of compacted ones, before", "mark of compacted ones, after"),
]
# How often all points are passed; make test-thorough does so three times.
TIMES = [1, pytest.param(3, marks=pytest.mark.thorough)]


class Poller(threading.Thread):
    """A reader that opens what is published again and again, and notes what it sees."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.done = folder, threading.Event()
        self.seen: list[str] = []
        self.wrong: list[str] = []
        self.polls = 0

    def run(self) -> None:
        while not self.done.wait(0.1):
            try:
                self.look()
            except Exception as error:
                self.wrong.append(repr(error))

    def look(self) -> None:
        with reading(self.folder) as snapshot:
            lists = snapshot.query("published_lists", lists=LISTS)
            current = snapshot.query("current_publication")["publication_id"].item()
        self.polls += 1
        if lists.height != ROWS or lists["score"].n_unique() != 1:
            self.wrong.append(f"{current}: {lists.rows()}")
        if not self.seen or self.seen[-1] != current:
            self.seen.append(current)


def served_now(settings: Settings) -> str:
    with reading(settings.data_folder) as snapshot:
        return snapshot.query("current_publication")["publication_id"].item()


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    log = tmp_path_factory.mktemp("killer") / "log"
    with killer("tests.fusion.killing", (), log) as one:
        yield one


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three publications, so that a fourth has old snapshots to remove."""
    settings = with_tracking(Settings(home=tmp_path_factory.mktemp("begun")))
    with writing(with_warehouse(settings.data_folder), "a test") as warehouse:
        fill(warehouse)
        # Users who have seen nothing: a rollback leaves nothing out.
        warehouse.replace("core.interactions", pl.DataFrame())
        model = {"fusion_id": "f", "fingerprint": "x", "normaliser": "zscore", "diversity": 0.1}
        model |= {"weights": '{"ease": 1.0}', "mlflow_run_id": "m", "created_at": NOW}
        warehouse.append("serving.fusion_models", pl.DataFrame([model]))
        for number in range(3):
            publish_number(warehouse, settings, number)
    return settings.home


@pytest.fixture
def home(begun: Path, tmp_path: Path) -> Path:
    """Of its own; MLflow goes on keeping artifacts in the first one's folder."""
    return Path(shutil.copytree(begun, tmp_path / "home"))


@pytest.mark.slow
@pytest.mark.parametrize("times", TIMES)
def test_killed_at_every_point_while_a_reader_polls(process: Killer, home: Path, times: int) -> None:
    settings = Settings(home=home)
    poller = Poller(settings.data_folder)
    poller.start()
    served = 2
    try:
        for number, point in enumerate(POINTS * times, start=3):
            # The start that comes next fails unless truth, snapshot and alias agree.
            killed, _, _ = process.run(PublicationRequest(str(home), point, number=number))
            assert killed, f"nothing passed {point}"
            before, served = served, served if point in LOST else number
            assert served_now(settings) in (identity(before), identity(served)), point
        killed, _, _ = process.run(PublicationRequest(str(home), number=999))
        assert not killed
    finally:
        poller.done.set()
        poller.join()
    assert not poller.wrong
    assert poller.polls > len(POINTS)
    numbers = [int(name[1:]) for name in poller.seen]
    assert numbers == sorted(numbers)  # never back to older lists
    with writing(settings.data_folder, "a test") as warehouse:
        check_agreement(warehouse, settings)
        published = set(warehouse.query("publications")["publication_id"])
        lost = {identity(number) for number, point in enumerate(POINTS * times, 3) if point in LOST}
        assert not published & lost
        states = warehouse.query("publications")["state"].to_list()
        assert states[:2] == ["published", "published"] and set(states[2:]) == {"compacted"}
    assert len(list((settings.data_folder / "snapshots").glob("*.duckdb"))) == 2
    assert not list((settings.data_folder / "snapshots").glob("*.tmp*"))


@pytest.mark.parametrize("point", ["truth, after", "transaction, after", "pointer, after", "alias, before"])
def test_a_killed_rollback_is_finished_by_the_next_start(process: Killer, home: Path, point: str) -> None:
    settings = Settings(home=home)
    killed, _, _ = process.run(PublicationRequest(str(home), point, roll_back=True))
    assert killed
    killed, _, _ = process.run(PublicationRequest(str(home)))  # it fails unless all agree
    assert not killed
    with reading(settings.data_folder) as snapshot:
        (score,) = snapshot.query("published_lists", lists=LISTS)["score"].unique()
    assert score == (2 if point == "truth, after" else 1)
    assert Tracking(settings).champion() is not None
