"""The leak test of the evaluation rules: what fit `train` computes must not know what is held back.

Every validation and test row is deleted, or has its items permuted, in what the source delivers; the parts of
the rows stay. Then everything from ingest to matching is computed again and must be identical. For the other
protocols, texts and their vectors, which know no log, are kept, and rows are changed in the warehouse.
"""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest

from tasks.corpus import steps as corpus
from tasks.embedding import steps as embedding
from tasks.ingest import movielens
from tasks.ingest import steps as ingest
from tasks.ingest.splits import split_interactions
from tasks.run.fingerprint import fingerprint
from tasks.run.stage import StageRun
from tasks.settings.data import Protocol
from tests.homes import Home
from tests.matching.matched import match
from warehouse.columns import HISTORY_OF_FIT, PARTS_OF_FIT
from warehouse.connection import Warehouse, writing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
KEYS = ["user_id", "item_id", "event_time"]
COMPUTED = (
    "core.interactions",
    "features.live_texts",
    "features.vectors_minilm",
    "features.user_vectors",
    "matching.scores",
    "matching.models",
    "ops.shards",
)


def deleted(held: pl.DataFrame) -> pl.DataFrame:
    return held.clear()


def permuted(held: pl.DataFrame) -> pl.DataFrame:
    """Items change places among the held-back events."""
    order = np.random.default_rng(0).permutation(held.height)
    return held.with_columns(item_id=held["item_id"].gather(order))


def computed(warehouse: Warehouse, folder: Path, fit: str) -> dict[str, str]:
    """A hash of each thing that the stages up to matching compute for a fit window."""
    scores = warehouse.query("candidate_scores", fit=fit, matchers=matchers(warehouse, fit))
    saved = {
        f"saved {path.relative_to(folder)}": blake2b(path.read_bytes()).hexdigest()
        for path in sorted((folder / "matchers" / fit).rglob("*"))
        if path.is_file()
    }
    texts = warehouse.query("live_texts").drop("text_id")
    prompts = warehouse.query("known_texts").join(texts, on=["item_id", "slot", "prompt_hash"], how="semi")
    return saved | {
        "prompts": fingerprint(prompts),
        "texts": fingerprint(texts),
        "text vectors": exactly(warehouse.query("live_text_vectors")),
        "item vectors": exactly(warehouse.query("item_vectors")),
        "user vectors": exactly(warehouse.query("user_vectors", fit=fit)),
        "scores": exactly(scores),
    }


def exactly(frame: pl.DataFrame) -> str:
    """A hash of every bit."""
    digest = blake2b()
    for column in frame.get_columns():
        values = column.to_numpy()
        digest.update(values.tobytes() if values.dtype != object else repr(column.to_list()).encode())
    return digest.hexdigest()


def matchers(warehouse: Warehouse, fit: str) -> list[str]:
    return warehouse.query("matcher_models", fit=fit)["matcher"].to_list()


def deliver(home: Home, change: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """Change the held-back rows of the warehouse's source files; returns core.splits that go with them."""
    split = home.query("interactions").join(part_of(home), on=KEYS)
    train = split.filter(pl.col("part") == "train")
    held = change(split.filter(pl.col("part") != "train"))
    rows = pl.concat([train, held])
    delivered = home.folder / "delivered"
    delivered.mkdir()
    for name in ("items", "users"):
        file = f"MovieLens100k_{name}.parquet.brotli"
        (delivered / file).symlink_to(movielens.data_folder() / file)
    events = rows.select(
        pl.col("user_id").cast(pl.Int64),
        pl.col("item_id").cast(pl.Int64).alias("movie_id"),
        pl.col("value").cast(pl.Int64).alias("rating"),
        pl.col("event_time").alias("timestamp"),
    )
    events.write_parquet(delivered / "MovieLens100k_data.parquet.brotli", compression="brotli")
    return rows.select(
        pl.lit("temporal_user").alias("protocol"),
        pl.lit("changed").alias("split_hash"),
        *KEYS,
        "part",
    )


def part_of(home: Home) -> pl.DataFrame:
    """Which part each event is in."""
    parts = [
        home.query("fit_interactions", protocol="temporal_user", parts=[part]).select(
            *KEYS, part=pl.lit(part)
        )
        for part in ("train", "validation", "test")
    ]
    return pl.concat(parts)


def clear(warehouse: Warehouse, table: str) -> None:
    """Remove all rows of a table."""
    schema, _, name = table.partition(".")
    columns = warehouse.query("table_columns", schema=schema, table=name)["column_name"]
    warehouse.replace(table, pl.DataFrame(schema=dict.fromkeys(columns, pl.Null)))


def compute_again(home: Home, split: pl.DataFrame, fits: tuple[str, ...]) -> None:
    """Everything from ingest to matching, from nothing but the delivery and the texts that were written."""

    def stage(name: str) -> StageRun:
        return StageRun(name, home.settings, warehouse, None)

    with writing(home.data, "leak test") as warehouse:
        for table in COMPUTED:
            clear(warehouse, table)
        ingest.load_core.fn(stage("ingest"))
        warehouse.replace("core.splits", split)
        run = stage("corpus")
        wanted, shards = corpus.plan.fn(run)
        assert shards == {}  # the prompts ask for the texts that are there
        corpus.make_live.fn(run, wanted)
        run = stage("embedding")
        embedding.encode.fn(run)
        for fit in fits:
            embedding.interests.fn(run, fit)
            assert match(stage("matching"), fit)


@pytest.fixture(scope="module", params=[deleted, permuted])
def changed(request: pytest.FixtureRequest, finished: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home where all that is held back was changed before everything was computed."""
    home = finished.copy(tmp_path_factory.mktemp(request.param.__name__))
    split = deliver(home, request.param)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(movielens, "data_folder", lambda: home.folder / "delivered")
        compute_again(home, split, ("train", "train_validation"))
    return home


def hashes(home: Home, fit: str) -> dict[str, str]:
    with writing(home.data, "leak test") as warehouse:
        return computed(warehouse, home.data, fit)


def test_fit_train_does_not_know_what_is_held_back(changed: Home, finished: Home) -> None:
    assert not part_of(changed).equals(part_of(finished))
    before, after = hashes(finished, "train"), hashes(changed, "train")
    assert len(before) > 10  # the saved matchers too
    assert after == before


def test_fit_train_validation_does(changed: Home, finished: Home) -> None:
    """The test above can fail: what does use validation rows changes with them."""
    before, after = hashes(finished, "train_validation"), hashes(changed, "train_validation")
    differ = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {"user vectors", "scores"} <= differ
    assert any(name.startswith("saved") for name in differ)
    assert not differ & {"prompts", "texts", "text vectors", "item vectors"}


@pytest.mark.parametrize(
    "protocol",
    # One that cuts each user's log, as temporal_user does, and one that draws; the others are thorough tests.
    [
        name if name in ("temporal_global", "cold_item") else pytest.param(name, marks=pytest.mark.thorough)
        for name in sorted(set(get_args(Protocol)) - {"temporal_user"})
    ],
)
def test_no_protocol_lets_it_through(finished: Home, protocol: str, tmp_path: Path) -> None:
    home = finished.copy(tmp_path)
    settings = home.settings
    settings = settings.model_copy(update={"data": settings.data.model_copy(update={"protocol": protocol})})

    def found(warehouse: Warehouse) -> list[dict[str, str]]:
        run = StageRun("a stage", settings, warehouse, None)
        assert corpus.plan.fn(run).shards == {}
        for fit in ("train", "train_validation"):
            embedding.interests.fn(run, fit)
            assert match(run, fit)  # something did change: the log of both fits, or its split
        return [computed(warehouse, home.data, fit) for fit in ("train", "train_validation")]

    with writing(home.data, "leak test") as warehouse:
        split_interactions(warehouse, settings.data, settings.seed)
        train, later = found(warehouse)
        parts = list(PARTS_OF_FIT["all"])
        split = warehouse.query("fit_interactions", protocol=protocol, parts=parts)
        is_held = ~pl.col("part").is_in(HISTORY_OF_FIT["train"])
        known, held = split.filter(~is_held), split.filter(is_held)
        assert {"validation", "test"} <= set(held["part"])
        for change in (deleted, permuted):
            rows = pl.concat([known, change(held)]).unique(KEYS, keep="first", maintain_order=True)
            warehouse.replace("core.interactions", rows.drop("part"))
            marked = rows.select(*KEYS, "part", protocol=pl.lit(protocol), split_hash=pl.lit("changed"))
            warehouse.replace("core.splits", marked)
            for table in ("features.user_vectors", "matching.scores", "matching.models", "ops.shards"):
                clear(warehouse, table)
            train_again, later_again = found(warehouse)
            assert len(train) > 10
            assert train_again == train
            assert later_again["scores"] != later["scores"]
