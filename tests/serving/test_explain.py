"""Explanations in a toy shop, where it is known which past action a recommendation comes from."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest

from flows.cli.tables.explain import explanation
from serving.causes import Rules, causes_of
from serving.counterfactual import rescored
from serving.explain import explain
from serving.explain_user import UserFusion
from serving.lists import recommend
from serving.published import known_item
from tasks.arrays.vectors import centred
from tasks.embedding.interests import Histories, interest_vectors
from tasks.fusion.candidate_store import candidate_rows
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import FusionModel
from tasks.matching import search_semantic
from tasks.matching.contract import Matcher, VisitorBatch
from tasks.run.stage import StageRun
from tasks.settings import Settings
from tests.empty import with_warehouse
from tests.flows.cli.tables.printed import shown
from tests.matching.matched import match
from tests.serving.test_visitors import BLOCKED, IDS, WEIGHTS, Toy, fill, publish, words
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError
from warehouse.snapshot import Snapshot, reading, write_snapshot

USER, CAUSE = "u99", "f04"  # dark films, and one funny one in between
HISTORY = ["f01", CAUSE, "f03", "f05", "f07"]
NEW = "zz"  # came after the scores were made
LENGTH = 6


def add_user(warehouse: Warehouse) -> None:
    events = pl.DataFrame({"user_id": [USER] * 5, "item_id": HISTORY, "event_time": range(5)})
    warehouse.append("core.users", pl.DataFrame({"user_id": [USER]}))
    warehouse.append("core.interactions", events.with_columns(value=pl.lit(1.0)))
    split = {"protocol": "temporal_user", "split_hash": "s", "part": "train"}
    warehouse.append(
        "core.splits", events.with_columns(pl.lit(v, dtype=pl.String).alias(k) for k, v in split.items())
    )
    items = np.array([IDS.index(item_id) for item_id in HISTORY])
    of_items = Toy().encode([" ".join(words(code)) for code in range(len(IDS))])
    history = Histories.of_one(items, np.arange(5), np.ones(5, dtype=np.float32))
    interest, _ = interest_vectors(centred(of_items), history, 1, 40.0, 0)
    row = {"fit": "all", "user_id": USER, "interest": 0, "weight": 1.0}
    vector = pl.Series("vector", interest[0], dtype=pl.Array(pl.Float32, 384))
    warehouse.append("features.user_vectors", pl.DataFrame([row]).with_columns(vector))


def publish_lists(warehouse: Warehouse) -> None:
    """What fusion publishes, for the users who have candidates."""
    users = warehouse.query("users")["user_id"].to_list()
    scores = warehouse.query("candidate_scores", fit="all", matchers=list(WEIGHTS))
    candidates = Candidates.from_frame(scores, users, IDS, list(WEIGHTS))
    record = {"normaliser": "zscore", "diversity": 0.0, "weights": json.dumps(WEIGHTS)}
    model = FusionModel.from_record(record)
    order = np.argsort(-model.scores(candidates), axis=1, kind="stable")[:, :LENGTH]
    row, rank = np.nonzero(np.take_along_axis(candidates.present, order, axis=1))
    column = order[row, rank]
    parts = model.contributions(candidates, row, column)
    entries = [dict(zip(WEIGHTS, map(float, of_row), strict=True)) for of_row in parts]
    items = candidates.items[row, column]
    lists = pl.DataFrame(
        {
            "publication_id": ["p"] * len(row),
            "user_id": [users[candidates.users[one]] for one in row],
            "rank": rank + 1,
            "item_id": [IDS[item] for item in items],
            "score": model.scores(candidates)[row, column],
            "contributions": pl.Series(entries, dtype=pl.Map(pl.String, pl.Float64)),
            "text_id": [f"t-{IDS[item]}-0" for item in items],
            "like_item_id": [CAUSE if item % 2 == 0 else None for item in items],
        }
    )
    warehouse.append("serving.recommendations", lists)
    warehouse.append("serving.candidates", candidate_rows(candidates, users, IDS, "p"))
    publish(warehouse, "p")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    matching = {"matchers": tuple(WEIGHTS), "ease": {"regularisation": 1}, "slit": {"regularisation": 1}}
    settings = Settings.model_validate({"home": tmp_path_factory.mktemp("home"), "matching": matching})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search_semantic, "load_encoder", Toy)
        with writing(with_warehouse(settings.data_folder), "a test") as warehouse:
            fill(warehouse)
            add_user(warehouse)
            assert match(StageRun("matching", settings, warehouse, None), "all")
            warehouse.append("core.users", pl.DataFrame({"user_id": [NEW]}))
            publish_lists(warehouse)
        yield settings


@pytest.fixture(scope="module")
def snapshot(settings: Settings) -> Iterator[Snapshot]:
    with reading(settings.data_folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def funny(snapshot: Snapshot) -> str:
    """The best funny film for the user of dark ones: all that speaks for it is the one in the history."""
    fusion = UserFusion.read(snapshot, USER)
    even = [column for column, item_id in enumerate(fusion.item_ids) if IDS.index(item_id) % 2 == 0]
    return fusion.item_ids[max(even, key=lambda column: fusion.scores[column])]


def test_contributions_add_up_to_the_published_score(snapshot: Snapshot, settings: Settings) -> None:
    listed = recommend(snapshot, USER, k=LENGTH)["items"]
    assert len(listed) == LENGTH
    for row in listed:
        answer = explain(snapshot, settings, USER, row["item_id"], k=3, counterfactual=False)
        assert (answer["rank"], answer["place_by_score"]) == (row["rank"], row["rank"])
        assert answer["score"] == pytest.approx(row["score"], abs=1e-9)
        assert answer["base"] == pytest.approx(0, abs=1e-9)
        added = sum(model["contribution"] for model in answer["models"])
        assert added == pytest.approx(answer["score"], abs=1e-9)
        assert sum(abs(model["share"]) for model in answer["models"]) == pytest.approx(1)
        assert answer["text"] == row["text"] and answer["counterfactual"] is None
        assert answer["reason"] == row["reason"] and f'ts text says: "{row["text"]}"' in row["reason"]
        assert not any(name in row["reason"] for name in ("slit", "cosine", "ease "))


def test_the_action_that_caused_it(snapshot: Snapshot, settings: Settings, funny: str) -> None:
    answer = explain(snapshot, settings, USER, funny, k=3)
    found = answer["counterfactual"]
    moved, whole = found["item"], found["whole_history"]
    assert moved["item_id"] == CAUSE and moved["title"] == "Film 4 balls"
    assert moved["score"] < whole["score"] and moved["place"] > whole["place"]
    assert found["tried"] == found["history"] == len(HISTORY)
    assert answer["reason"].startswith('Because "Film 4 balls" is in your history')


def test_a_whole_history_scores_as_its_user(snapshot: Snapshot, settings: Settings, funny: str) -> None:
    """With matchers that score visitors as they score users, what is compared with is what was published."""
    answer = explain(snapshot, settings, USER, funny, k=3)
    whole = answer["counterfactual"]["whole_history"]
    assert whole["score"] == pytest.approx(answer["score"], abs=1e-4)
    assert whole["place"] == answer["place_by_score"]


def test_membership_adds_up(snapshot: Snapshot, settings: Settings) -> None:
    ids = [row["item_id"] for row in recommend(snapshot, USER, k=LENGTH)["items"]]
    for item_id, listed in ((ids[0], 1), (ids[2], 1), (ids[3], 0)):
        found = explain(snapshot, settings, USER, item_id, 3, membership=True, counterfactual=False)
        assert found["membership"]["listed"] == bool(listed)
        assert sum(found["membership"]["models"].values()) == pytest.approx(listed)


def test_a_candidate_that_is_not_listed(snapshot: Snapshot, settings: Settings) -> None:
    fusion = UserFusion.read(snapshot, USER)
    last = fusion.item_ids[int(fusion.scores.argmin())]
    answer = explain(snapshot, settings, USER, last, counterfactual=False)
    assert answer["rank"] is None and answer["place_by_score"] == len(fusion.item_ids)
    assert f"the lowest of the {LENGTH} listed items has" in answer["not_listed"]


@pytest.mark.parametrize(
    ("user", "item", "k", "message"),
    [
        ("nobody", "f01", 3, "no user 'nobody' in the published lists"),
        (NEW, "f01", 3, "user 'zz' has no candidates"),
        (USER, "f99", 3, "no item 'f99' in the published catalogue"),
        (USER, "f09", 0, "k must be at least 1, got 0"),
        ("U99", "f09", 3, "no user 'U99' .*; near it: 'u99'"),
        (USER, "film 4", 3, r"no item 'film 4' .*; near it: 'f04' \(Film 4 balls\)"),
    ],
)
def test_what_cannot_be_explained(
    snapshot: Snapshot, settings: Settings, user: str, item: str, k: int, message: str
) -> None:
    with pytest.raises(PolyrecError, match=message):
        explain(snapshot, settings, user, item, k)


def catalogue(settings: Settings, **keys: object) -> Settings:
    return Settings.model_validate({**settings.model_dump(), "catalogue": keys})


@pytest.mark.parametrize(
    ("item", "keys", "kinds", "says"),
    [
        (CAUSE, {}, ["already had"], "item 'f04' is in the history of user 'u99'"),
        (BLOCKED, {}, ["blocked"], "kept out by [catalogue] when it was last loaded"),
        (BLOCKED, {"blocked": [BLOCKED]}, ["blocked"], "stands under blocked in [catalogue]"),
        (
            CAUSE,
            {"excluded_categories": ["Comedy"], "min_interactions": 99},
            ["already had", "excluded category", "min_interactions"],
            "min_interactions in [catalogue] is 99",
        ),
    ],
)
def test_what_keeps_an_item_out_is_named(
    snapshot: Snapshot, settings: Settings, item: str, keys: dict[str, object], kinds: list[str], says: str
) -> None:
    answer = explain(snapshot, catalogue(settings, **keys), USER, item)
    assert [cause["kind"] for cause in answer["causes"]] == kinds
    assert says in answer["not_listed"] and answer["score"] is answer["rank"] is None
    assert "Not in the list." in shown(explanation(answer), 80)


def test_what_was_seen_without_interest_is_not_listed(settings: Settings, tmp_path: Path) -> None:
    shutil.copytree(settings.data_folder, tmp_path / "warehouse" / "data")
    elsewhere = settings.model_copy(update={"home": tmp_path})
    event = {"user_id": USER, "item_id": "f19", "event_time": 9, "value": 1.0, "reason": "below min_value"}
    with writing(elsewhere.data_folder, "a test") as warehouse:
        warehouse.append("core.seen_only", pl.DataFrame([event]))
        write_snapshot(warehouse, "p")
    with reading(elsewhere.data_folder) as snapshot:
        before, after = (snapshot.query("items_left", user_id=user)["items"][0] for user in ("nobody", USER))
        assert before - after == len(HISTORY) + 1
        (cause,) = causes_of(
            snapshot, elsewhere, Rules(snapshot, elsewhere, USER, "f19"), USER, known_item(snapshot, "f19")
        )
    assert cause.kind == "seen only" and "(below min_value, 1)" in cause.says


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ({"kind": "block"}, "rule"),
        ({"kind": "block", "users": [USER]}, "rule"),
        ({"kind": "block", "users": ["u01"]}, "score"),
        ({"kind": "cap", "at_most": 0}, "score"),  # the item is below the last of the list anyhow
    ],
)
def test_a_rule_is_named(snapshot: Snapshot, settings: Settings, rule: dict[str, object], kind: str) -> None:
    fusion = UserFusion.read(snapshot, USER)
    last = fusion.item_ids[int(fusion.scores.argmin())]
    rules = [{"name": "no_such", "items": [last], **rule}]
    told = Settings.model_validate({**settings.model_dump(), "fusion": {"rules": rules}})
    answer = explain(snapshot, told, USER, last, counterfactual=False)
    assert [cause["kind"] for cause in answer["causes"]] == [kind]
    assert ("The rule 'no_such' (block) keeps item" in answer["not_listed"]) == (kind == "rule")
    assert answer["score"] is not None


def test_a_longer_list_than_there_are_candidates(snapshot: Snapshot, settings: Settings, funny: str) -> None:
    whole = explain(snapshot, settings, USER, funny, k=1000, membership=True)
    n = len(UserFusion.read(snapshot, USER).item_ids)
    assert whole["membership"]["k"] == n and f"{n} candidates are all that user 'u99' has" in whole["note"]


def test_without_fitted_matchers(snapshot: Snapshot, settings: Settings, funny: str) -> None:
    elsewhere = settings.model_copy(update={"home": settings.home / "elsewhere"})
    found = explain(snapshot, elsewhere, USER, funny, k=3)["counterfactual"]
    assert found["unavailable"].startswith("no fitted matchers in")


def test_a_matcher_that_cannot_score_visitors_keeps_its_scores() -> None:
    class LastItem:
        proposes = True

        def score_visitors(self, visitors: VisitorBatch) -> np.ndarray:
            last = visitors.item[visitors.start[1:] - 1]
            return (last[:, None] == np.arange(5)).astype(np.float32)

    scores = np.array([[[1, 7], [2, 8]]], dtype=np.float32)
    candidates = Candidates(
        np.zeros(1, dtype=np.int64), np.array([[0, 1]], dtype=np.int32), scores, ("a", "b")
    )
    visitors = VisitorBatch(
        np.array([3, 4, 3]), np.array([0, 2, 3]), np.zeros((2, 1, 4), np.float32), ["", ""]
    )
    found = rescored(candidates, {"b": cast(Matcher, LastItem())}, visitors, np.array([4, 3]))
    assert found.scores.tolist() == [[[1, 1], [2, 0]], [[1, 0], [2, 1]]]
