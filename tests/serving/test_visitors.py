"""Visitors of a toy shop: two camps of films, two camps of users, matchers fitted by the real stage."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from serving.visitors import Visitor, Visitors, item_ids
from tasks.arrays.vectors import unit
from tasks.fusion.rerank import RERANKERS
from tasks.matching import search_semantic
from tasks.matching.contract import UserBatch
from tasks.matching.registry import load
from tasks.matching.saved import MANIFEST, forget_users
from tasks.run.stage import StageRun
from tasks.settings import Settings
from tests.empty import with_warehouse
from tests.matching.matched import match
from tests.warehouse.conftest import NOW, text_row
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError, WarehouseError
from warehouse.snapshot import reading, write_snapshot

N_ITEMS, N_USERS = 20, 12
FUNNY, DARK = ("robots", "balls", "pilots"), ("heist", "noir", "knives")
IDS = [f"f{code:02}" for code in range(N_ITEMS)]
WEIGHTS = {"cosine_max": 0.4, "ease": 0.5, "slit": 0.1}
BLOCKED = "f02"


class Toy:
    """An encoder that knows two moods."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.full((len(texts), 384), 0.01, dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row, 0] += text.lower().count("funny")
            vectors[row, 1] += text.lower().count("dark")
            vectors[row, 2 + sum(map(ord, text)) % 300] += 0.3
        return unit(vectors)


def words(code: int) -> tuple[str, str]:
    """Title and text: even films are funny, odd ones dark."""
    nouns, mood = ((FUNNY, "funny"), (DARK, "dark"))[code % 2]
    return f"Film {code} {nouns[code % 3]}", f"A {mood} story of {nouns[(code + 1) % 3]}."


def fill(warehouse: Warehouse) -> None:
    """Items with a text each, users who see what is of their camp."""
    codes = range(N_ITEMS)
    items = pl.DataFrame(
        {
            "item_id": IDS,
            "title": [words(code)[0] for code in codes],
            "categories": [[("Comedy", "Crime")[code % 2]] for code in codes],
            "content_hash": IDS,
            "allowed": [item_id != BLOCKED for item_id in IDS],
        }
    )
    warehouse.append("core.items", items)
    texts = [text_row(IDS[code], 0, words(code)[1]) for code in codes]
    warehouse.append("features.texts", pl.DataFrame(texts))
    text_ids = [str(row["text_id"]) for row in texts]
    live = pl.DataFrame({"item_id": IDS, "slot": [0] * N_ITEMS, "text_id": text_ids})
    warehouse.append("features.live_texts", live)
    content = [" ".join(words(code)) for code in codes]
    vectors = np.concatenate([Toy().encode(content), Toy().encode(content)])
    rows = {
        "owner_kind": ["item"] * N_ITEMS + ["text"] * N_ITEMS,
        "owner_id": [*IDS, *text_ids],
        "content_hash": [*IDS, *text_ids],
        "vector": pl.Series(vectors, dtype=pl.Array(pl.Float32, 384)),
    }
    warehouse.append("features.vectors_minilm", pl.DataFrame(rows))
    rng = np.random.default_rng(0)
    seen = [
        (f"u{user:02}", IDS[item], 1.0, int(time))
        for user in range(N_USERS)
        for time, item in enumerate(rng.permutation(np.arange(user % 2, N_ITEMS, 2))[:6])
    ]
    events = pl.DataFrame(seen, schema=["user_id", "item_id", "value", "event_time"], orient="row")
    warehouse.append("core.users", events.select("user_id").unique())
    warehouse.append("core.interactions", events)
    searches = {"user_id": ["u01", "u01"], "query": ["robots", "dark heist"], "event_time": [1, 99]}
    warehouse.append("core.searches", pl.DataFrame(searches))
    split = events.drop("value").with_columns(
        protocol=pl.lit("temporal_user"), split_hash=pl.lit("s"), part=pl.lit("train")
    )
    warehouse.append("core.splits", split)


def publish(warehouse: Warehouse, publication_id: str) -> None:
    """Publish the weights, with no list."""
    model = {"fusion_id": "f", "fingerprint": "x", "normaliser": "zscore", "diversity": 0.0}
    point = {"weights": WEIGHTS | {"popularity": 0.9}, "diversity": 0.7, "category_cap": 0}
    model |= {"model": json.dumps({"method": "weighted", "diverse": point})}
    model |= {"weights": json.dumps(WEIGHTS), "mlflow_run_id": "m", "created_at": NOW}
    warehouse.upsert("serving.fusion_models", pl.DataFrame([model]))
    publication = {"publication_id": publication_id, "fusion_id": "f", "data_fingerprint": "d"}
    publication |= {"lists_hash": "l", "state": "published", "created_at": NOW}
    warehouse.append("serving.publications", pl.DataFrame([publication]))
    warehouse.execute("set_current", publication_id=publication_id)
    write_snapshot(warehouse, publication_id)


@pytest.fixture(scope="module", autouse=True)
def encoder() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search_semantic, "load_encoder", Toy)
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of a home where the matchers are fitted and the fusion is published."""
    matching = {"matchers": tuple(WEIGHTS), "ease": {"regularisation": 1}, "slit": {"regularisation": 1}}
    settings = Settings.model_validate({"home": tmp_path_factory.mktemp("home"), "matching": matching})
    with writing(with_warehouse(settings.data_folder), "a test") as warehouse:
        fill(warehouse)
        assert match(StageRun("matching", settings, warehouse, None), "all")
        publish(warehouse, "p1")
    return settings


@pytest.fixture(scope="module")
def visitors(settings: Settings) -> Iterator[Visitors]:
    with reading(settings.data_folder) as snapshot:
        yield Visitors.load(snapshot, settings)


def ids(answer: dict[str, Any]) -> list[str]:
    return [row["item_id"] for row in answer["items"]]


def camp(answer: dict[str, Any]) -> set[int]:
    return {IDS.index(item_id) % 2 for item_id in ids(answer)}


@pytest.mark.parametrize(
    ("visitor", "expected"),
    [
        (Visitor(query="something funny"), 0),
        (Visitor(query="dark knives"), 1),
        (Visitor(profile="She loves dark films."), 1),
        (Visitor(history=["f04"]), 0),
        (Visitor(history=["f05", "f01"]), 1),
        (Visitor(history=["f05", "f01"], query="dark noir", profile="dark"), 1),
    ],
)
def test_a_list_is_of_the_visitors_camp(visitors: Visitors, visitor: Visitor, expected: int) -> None:
    answer = visitors.recommend(visitor, k=6)
    assert camp(answer) == {expected}
    assert len(ids(answer)) == len(set(ids(answer))) == 6
    assert not {BLOCKED, *visitor.history} & set(ids(answer))
    scores = [row["score"] for row in answer["items"]]
    assert scores == sorted(scores, reverse=True)  # the published dial is at 0
    for row in answer["items"]:
        assert sum(row["contributions"].values()) == pytest.approx(row["score"])
        assert row["text"].startswith(("A funny", "A dark")[expected]) and row["angle"] == "audience"


def test_a_query_weighs_what_the_settings_say(visitors: Visitors, settings: Settings) -> None:
    asked = settings.visitors
    both = visitors._model_for(Visitor(history=["f01"], query="dark")).weights
    assert both["ease"] == pytest.approx((1 - asked.query_weight) * WEIGHTS["ease"])
    assert both["search_keyword"] == pytest.approx(asked.query_weight * asked.keyword_share)
    assert both["search_keyword"] + both["search_semantic"] == pytest.approx(asked.query_weight)
    assert "popularity" not in both
    assert visitors._model_for(Visitor(history=["f01"])).weights == WEIGHTS
    assert visitors._model_for(Visitor(profile="dark")).weights["popularity"] == asked.popularity_weight


def test_what_a_query_asks_for_outweighs_the_history(visitors: Visitors) -> None:
    assert ids(visitors.recommend(Visitor(history=["f01"], query="funny pilots")))[0] in IDS[::2]


def test_words_that_nothing_has_leave_popular_films(visitors: Visitors) -> None:
    answer = visitors.recommend(Visitor(query="qwxz"), k=5)
    assert len(ids(answer)) == 5
    assert all(row["contributions"]["search_keyword"] == 0 for row in answer["items"])


def test_an_item_named_twice_counts_at_its_latest_place(visitors: Visitors) -> None:
    once, twice = (visitors.recommend(Visitor(history=h)) for h in (["f05", "f01"], ["f01", "f05", "f01"]))
    assert once["items"] == twice["items"]
    assert [row["item_id"] for row in twice["history"]] == ["f01", "f05"]


def test_the_whole_catalogue_as_history_leaves_nothing(visitors: Visitors) -> None:
    answer = visitors.recommend(Visitor(history=IDS))
    assert answer["items"] == [] and answer["note"].startswith("Nothing is left for this visitor")


def test_the_one_item_that_is_left_is_found(visitors: Visitors) -> None:
    """No matcher tells it from another, so none proposes it."""
    answer = visitors.recommend(Visitor(history=[one for one in IDS if one != "f07"]))
    assert ids(answer) == ["f07"]
    assert answer["note"] == "1 item is all that is left for this visitor: fewer than the 10 asked for."


@pytest.mark.parametrize("visitor", [Visitor(query="funny"), Visitor(history=["f04"])])
def test_more_than_there_are_gives_all_that_there_are(visitors: Visitors, visitor: Visitor) -> None:
    answer = visitors.recommend(visitor, k=10**9)
    assert sorted(ids(answer)) == sorted(set(IDS) - {BLOCKED, *visitor.history})
    assert "fewer than the 1,000,000,000 asked for" in answer["note"]
    assert visitors.recommend(visitor, k=3)["note"] is None


def test_diversity_is_the_dial(visitors: Visitors) -> None:
    plain, varied = (visitors.recommend(Visitor(query="funny"), diversity=dial) for dial in (0, 1))
    assert ids(plain) != ids(varied)


def test_the_diverse_point_has_its_own_weights_and_dial(visitors: Visitors) -> None:
    visitor = Visitor(history=["f03", "f07"])
    assert visitors._model_for(visitor, diverse=True).weights["popularity"] == 0.9
    plain, diverse, turned = (visitors.recommend(visitor, diversity=to) for to in (None, "diverse", 0.7))
    assert ids(plain) != ids(diverse)
    assert [row["score"] for row in turned["items"]] != [row["score"] for row in diverse["items"]]


def test_rerankers_go_by_the_history(visitors: Visitors) -> None:
    visitor = Visitor(history=["f03", "f07"])
    lists = [ids(visitors.recommend(visitor, diversity=0.8, reranker=name)) for name in RERANKERS]
    assert all(sorted(found) == sorted(set(found)) for found in lists)
    query = Visitor(query="funny")  # without a history there is nothing to be calibrated to
    assert ids(visitors.recommend(query, diversity=0.8, reranker="calibrated")) == ids(
        visitors.recommend(query, diversity=0)
    )


def test_answers_are_deterministic(settings: Settings, visitors: Visitors) -> None:
    with reading(settings.data_folder) as snapshot:
        again = Visitors.load(snapshot, settings)
        for visitor in (Visitor(query="dark"), Visitor(history=["f03"])):
            assert again.recommend(visitor)["items"] == visitors.recommend(visitor)["items"]


@pytest.mark.parametrize(
    ("visitor", "options", "message"),
    [
        (Visitor(), {}, "nothing is known of the visitor; give --query"),
        (Visitor(query="  "), {}, "the query is empty; give --query some words"),
        (Visitor(history=["f01"], profile=""), {}, "the profile is empty"),
        (Visitor(history=["f01", "x"]), {}, "no item 'x' in the published catalogue"),
        (Visitor(history=["f01", "F2", "6.0"]), {}, "no item 'F2' .*; near it: 'f02' .*\n.*no item '6.0'"),
        (Visitor(query="a"), {"k": 0}, "k must be at least 1, got 0"),
        (Visitor(query="a"), {"diversity": 1.5}, "diversity must be between 0 and 1, got 1.5"),
        (Visitor(query="a"), {"diversity": float("nan")}, "diversity must be"),
        (Visitor(query="a"), {"diversity": "diverse", "reranker": "mmr"}, "takes no --reranker"),
        (Visitor(query="a"), {"reranker": "best"}, "no reranker 'best'; give --reranker mmr, dpp"),
    ],
)
def test_what_cannot_be_answered(
    visitors: Visitors, visitor: Visitor, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(PolyrecError, match=message):
        visitors.recommend(visitor, **options)


def test_visitors_obey_hard_rules(settings: Settings, visitors: Visitors) -> None:
    first = ids(visitors.recommend(Visitor(query="funny")))
    rules = [
        {"name": "no", "kind": "block", "items": first[:1]},
        {"name": "grown", "kind": "age_limit", "items": first[1:2], "min_age": 18},
        {"name": "some", "kind": "block", "items": first[2:3], "users": ["u01"]},
        {"name": "old", "kind": "block", "items": first[3:4], "valid_until": "2020-01-01"},
        {"name": "top", "kind": "pin", "items": first[5:6], "rank": 1},  # lists of users only
    ]
    ruled = settings.model_copy(update={"fusion": settings.fusion.model_validate({"rules": rules})})
    with reading(settings.data_folder) as snapshot:
        shown = ids(Visitors.load(snapshot, ruled).recommend(Visitor(query="funny")))
    assert shown[:4] == first[2:6]
    assert not {*first[:2]} & set(shown)


@pytest.mark.parametrize("given", [[""], ["1,,2"], [","], ["1", ""]])
def test_a_list_of_ids_without_ids(given: list[str]) -> None:
    with pytest.raises(PolyrecError, match="an id is missing in"):
        item_ids(given)


class TestOtherMatchers:
    """The folder's matchers are not those of the publication."""

    @pytest.fixture
    def manifest(self, settings: Settings) -> Iterator[Path]:
        path = settings.data_folder / "matchers" / "all" / MANIFEST
        text = path.read_text(encoding="utf-8")
        yield path
        path.write_text(text, encoding="utf-8")

    def refused(self, settings: Settings, message: str) -> None:
        with (
            reading(settings.data_folder) as snapshot,
            pytest.raises(WarehouseError, match=f"{message}.*`polyrec run`"),
        ):
            Visitors.load(snapshot, settings)

    @pytest.mark.parametrize("key", ["fingerprint", "item_ids"])
    def test_of_another_fit(self, settings: Settings, manifest: Path, key: str) -> None:
        values = json.loads(manifest.read_text(encoding="utf-8"))
        values[key] = values[key][::-1]
        manifest.write_text(json.dumps(values), encoding="utf-8")
        self.refused(settings, "are not those of the published lists")

    def test_one_missing(self, settings: Settings, manifest: Path) -> None:
        values = json.loads(manifest.read_text(encoding="utf-8"))
        manifest.write_text(json.dumps(values | {"matchers": ["ease", "slit"]}), encoding="utf-8")
        self.refused(settings, "matcher popularity is not among those saved")

    def test_none(self, settings: Settings, manifest: Path) -> None:
        manifest.unlink()
        self.refused(settings, "no fitted matchers in")


def test_visitors_need_nothing_of_users(settings: Settings, tmp_path: Path) -> None:
    shutil.copytree(settings.data_folder, tmp_path / "warehouse" / "data")
    elsewhere = settings.model_copy(update={"home": tmp_path})
    folder = elsewhere.data_folder / "matchers" / "all"
    asked = Visitor(history=["f05", "f01"], query="dark noir")

    def answer() -> list[dict[str, Any]]:
        with reading(elsewhere.data_folder) as snapshot:
            return Visitors.load(snapshot, elsewhere).recommend(asked)["items"]

    before = answer()
    kept = forget_users(folder)
    assert sorted(kept) == sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert answer() == before != []
    (folder / MANIFEST).unlink()
    assert forget_users(folder) == [] and not folder.exists()


def test_recorded_searches_reach_the_matchers_of_search(settings: Settings) -> None:
    for name in ("search_keyword", "search_semantic"):
        matcher = load(settings.data_folder / "matchers" / "all" / name)
        scores = matcher.score(UserBatch(np.arange(N_USERS)))
        assert np.flatnonzero(scores.any(axis=1)).tolist() == [1]
        assert scores[1].argmax() % 2 == 1


def test_nothing_new_fits_nothing_and_a_lost_folder_is_fitted_again(settings: Settings) -> None:
    path = settings.data_folder / "matchers" / "all" / MANIFEST
    with writing(settings.data_folder, "a test") as warehouse:
        run = StageRun("matching", settings, warehouse, None)
        assert not match(run, "all")
        fingerprint = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
        path.unlink()
        assert match(run, "all")
        assert json.loads(path.read_text(encoding="utf-8"))["fingerprint"] == fingerprint


def test_a_new_item_is_found_by_its_text_alone(settings: Settings) -> None:
    """Added after the fit: once its text and vectors are there, matching and a publication are enough."""
    with writing(settings.data_folder, "a test") as warehouse:
        text = text_row("new", 0, "A funny story of a lighthouse.")
        item = {"item_id": "new", "title": "New film", "categories": ["Comedy"], "content_hash": "new"}
        warehouse.append("core.items", pl.DataFrame([item]))
        warehouse.append("features.texts", pl.DataFrame([text]))
        live = pl.DataFrame({"item_id": ["new"], "slot": [0], "text_id": [text["text_id"]]})
        warehouse.append("features.live_texts", live)
        vectors = Toy().encode(["New film", f"New film. {text['text']}"])
        rows = {"owner_kind": ["item", "text"], "owner_id": ["new", text["text_id"]]}
        rows |= {"content_hash": ["new", text["text_id"]]}
        rows |= {"vector": pl.Series(vectors, dtype=pl.Array(pl.Float32, 384))}
        warehouse.append("features.vectors_minilm", pl.DataFrame(rows))
        assert match(StageRun("matching", settings, warehouse, None), "all")
        publish(warehouse, "p2")
        scores = warehouse.query("candidate_scores", fit="all", matchers=["cosine_max", "slit"])
    assert (scores.filter(item_id="new", matcher="slit")["score"] == 0).all()
    with reading(settings.data_folder) as snapshot:
        visitors = Visitors.load(snapshot, settings)
        assert ids(visitors.recommend(Visitor(query="a funny lighthouse")))[0] == "new"
        assert "new" in ids(visitors.recommend(Visitor(profile="funny"), k=12))
