"""An item that was added after a run: what the next stages make of it."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from serving.visitors import Visitor, Visitors
from tasks.ingest import movielens
from tests.flows.nights import STAGES, TEXTS, lists_of
from tests.homes import ITEMS, SLOTS, Home, run_flow
from warehouse.snapshot import reading

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class TestNewItem:
    """An item is added to the source: nobody has chosen it yet."""

    def test_it_is_recommended_from_its_texts_alone(
        self, finished: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivered = tmp_path / "delivered"
        shutil.copytree(movielens.data_folder(), delivered)
        file = delivered / "MovieLens100k_items.parquet.brotli"
        items = pl.read_parquet(file)
        new = items.filter(pl.col("movie_id") == 1).with_columns(
            movie_id=pl.lit(0).cast(items.schema["movie_id"]), movie_title=pl.lit("The Tin Lighthouse (1998)")
        )
        pl.concat([items, new]).write_parquet(file, compression="brotli")
        monkeypatch.setattr(movielens, "data_folder", lambda: delivered)
        monkeypatch.setenv("POLYREC_DATA__MAX_ITEMS", str(ITEMS + 1))
        home = finished.copy(tmp_path / "home")
        for stage in STAGES[:-1]:
            run_flow(home, stage)

        corpus, embedding = home.counts("corpus"), home.counts("embedding")
        assert (corpus["generated"], corpus["reused"]) == (SLOTS, TEXTS)
        assert (embedding["encoded_items"], embedding["encoded_texts"]) == (1, SLOTS)
        scores = home.query("candidate_scores", fit="all", matchers=["cosine_max", "slit"])
        scores = scores.filter(item_id="0")
        proposed = scores.filter(pl.col("own_rank").is_not_null())
        assert not proposed.filter(matcher="cosine_max").is_empty()
        assert (
            scores.filter(matcher="slit")["score"] == 0
        ).all()  # nobody has it: collaboration knows nothing
        assert "0" in lists_of(home)["item_id"]
        with reading(home.data) as snapshot:
            visitors = Visitors.load(snapshot, home.settings)
            found = visitors.recommend(Visitor(query="a lighthouse of tin"))["items"][0]
        assert (found["item_id"], found["title"]) == ("0", "The Tin Lighthouse (1998)")
        assert found["text"]
