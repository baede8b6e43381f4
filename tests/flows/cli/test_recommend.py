"""`polyrec recommend` and `polyrec explain` on a finished home."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from tasks.fusion.rerank import RERANKERS
from tasks.settings.fusion import Fusion
from tests.flows.commands import Answer, refused
from tests.homes import LIST_LENGTH, Home
from warehouse.columns import DIVERSE_LISTS, LISTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_recommend_prints_list_reasons_and_history(ask: Callable[..., Answer], user: str) -> None:
    answer = ask("recommend", user, "--k", 3)
    assert answer.code == 0
    for words in (f"Recommended to user {user}", f"Latest history of user {user}", "says:"):
        assert words in answer.out


def test_recommend_as_json(ask: Callable[..., Answer], user: str, finished: Home) -> None:
    answer = json.loads(ask("recommend", user, "--json").out)
    assert set(answer) == {"user_id", "items", "note", "history", "excluded", "alert"}
    assert answer["note"] is None
    assert [row["rank"] for row in answer["items"]] == list(range(1, 11))
    published = finished.query("published_lists", lists=LISTS).filter(pl.col("user_id") == user)
    assert [row["item_id"] for row in answer["items"]] == published["item_id"].head(10).to_list()
    keys = {"rank", "item_id", "title", "categories", "score", "contributions", "text", "angle"}
    keys |= {"reason", "rules"}
    for row in answer["items"]:
        assert set(row) == keys
        assert sum(row["contributions"].values()) == pytest.approx(row["score"], abs=1e-6)
        assert row["text"] and row["text"] in row["reason"]
    times = [row["time"] for row in answer["history"]]
    assert times == sorted(times, reverse=True)
    assert not {row["item_id"] for row in answer["items"]} & {row["item_id"] for row in answer["history"]}


@pytest.mark.parametrize(
    "asked",
    [
        {"--query": "toys come alive"},
        {"--history": "1, 2"},
        {"--profile": "She loves thrillers."},
        {"--query": "comedy", "--history": "7", "--profile": "A child."},
    ],
    ids="-".join,
)
def test_recommend_to_a_visitor(ask: Callable[..., Answer], asked: dict[str, str]) -> None:
    options = [part for pair in asked.items() for part in pair]
    answer = json.loads(ask("recommend", *options, "--k", 4, "--diversity", 0, "--json").out)
    assert set(answer) == {"visitor", "items", "note", "history", "milliseconds", "alert"}
    assert answer["visitor"] == {key: asked.get(f"--{key}") for key in ("query", "profile")}
    chosen = [part.strip() for part in asked.get("--history", "").split(",") if part]
    assert [row["item_id"] for row in answer["history"]] == chosen[::-1]
    assert [row["rank"] for row in answer["items"]] == [1, 2, 3, 4]
    assert not {row["item_id"] for row in answer["items"]} & set(chosen)
    scores = [row["score"] for row in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    for row in answer["items"]:
        assert sum(row["contributions"].values()) == pytest.approx(row["score"], abs=1e-6)
        assert row["text"] in row["reason"] and row["angle"] in ("audience", "mood", "story")
    if asked.keys() == {"--query"}:
        assert answer["items"][0]["title"] == "Toy Story (1995)"


def test_explain(ask: Callable[..., Answer], user: str, finished: Home) -> None:
    listed = json.loads(ask("recommend", user, "--k", 3, "--json").out)["items"][2]
    found = json.loads(ask("explain", user, listed["item_id"], "--membership", "--json").out)
    same = ("item_id", "title", "rank", "text", "angle")
    assert {key: found[key] for key in same} == {key: listed[key] for key in same}
    assert found["score"] == pytest.approx(listed["score"], abs=1e-9)
    added = {model["model"]: model["contribution"] for model in found["models"]}
    assert added == pytest.approx(listed["contributions"], abs=1e-6)
    assert sum(added.values()) + found["base"] == pytest.approx(found["score"], abs=1e-6)
    assert found["membership"]["listed"] and sum(found["membership"]["models"].values()) == pytest.approx(1)
    told = " ".join(ask("explain", user, listed["item_id"], "--no-counterfactual").out.split())
    assert listed["title"] in told and "Rank 3 of the list" in told
    refused = ask("explain", user, "nothing")
    assert refused.code == 2 and "no item 'nothing' in the published catalogue" in refused.err


def test_explain_names_the_action_that_lifts_an_item(
    ask: Callable[..., Answer], user: str, finished: Home
) -> None:
    past = set(finished.query("past_items", user_id=user)["item_id"])
    listed = json.loads(ask("recommend", user, "--json").out)["items"]
    found = (
        json.loads(ask("explain", user, row["item_id"], "--json").out)["counterfactual"] for row in listed
    )
    named = [one[what]["item_id"] for one in found for what in ("item", "list") if one[what]]
    assert named and set(named) <= past  # not every item is lifted by a single action


def test_recommend_prints_a_visitors_list(ask: Callable[..., Answer]) -> None:
    answer = ask("recommend", "--history", "1,7", "--k", 2)
    assert answer.code == 0
    for words in ("Recommended to a visitor", "What the visitor chose", "Toy Story (1995)", " ms"):
        assert words in answer.out


def test_more_than_there_are_gives_all_that_there_are(ask: Callable[..., Answer], user: str) -> None:
    answer = json.loads(ask("recommend", user, "--k", 1000, "--json").out)
    assert len(answer["items"]) == LIST_LENGTH
    note = "12 items are a whole published list, of the 1,000 asked for: list_length in [fusion]."
    assert answer["note"] == note and note in ask("recommend", user, "--k", 1000).out


def test_dial_turned_to_0_orders_by_score(ask: Callable[..., Answer], user: str) -> None:
    def items(*options: object) -> list[dict[str, Any]]:
        return json.loads(ask("recommend", user, "--k", LIST_LENGTH, "--json", *options).out)["items"]

    plain, varied = items("--diversity", 0), items("--diversity", 1)
    scores = [row["score"] for row in plain]
    assert scores == sorted(scores, reverse=True)
    assert [row["item_id"] for row in varied] != [row["item_id"] for row in plain]
    assert [row["rank"] for row in varied] == list(range(1, LIST_LENGTH + 1))


def test_every_reranker_turns_the_dial_of_a_published_list(
    ask: Callable[..., Answer], finished: Home
) -> None:
    users = (
        finished.query("published_lists", lists=LISTS)["user_id"].unique(maintain_order=True)[:6].to_list()
    )

    def items(*options: object) -> list[list[str]]:
        answers = [ask("recommend", user, "--k", 12, "--json", *options) for user in users]
        return [[row["item_id"] for row in json.loads(answer.out)["items"]] for answer in answers]

    plain = items("--diversity", 0)
    turned = {name: items("--reranker", name, "--diversity", 0.9) for name in RERANKERS}
    for found in turned.values():
        assert [sorted(of_user) for of_user in found] == [sorted(of_user) for of_user in plain]
        assert found != plain  # the list of one person may be as diverse as it can be
    assert items("--diversity", 0.9) == turned[Fusion().reranker]
    assert items("--reranker", "mmr", "--diversity", 0) == plain


def test_diverse_lists_are_those_of_the_diverse_point(
    ask: Callable[..., Answer], finished: Home, user: str
) -> None:
    answer = json.loads(ask("recommend", user, "--k", 5, "--diversity", "diverse", "--json").out)
    published = finished.query("published_lists", lists=DIVERSE_LISTS)
    of_user = published.filter(pl.col("user_id") == user).head(5)
    assert [row["item_id"] for row in answer["items"]] == of_user["item_id"].to_list()
    assert [row["score"] for row in answer["items"]] == of_user["score"].to_list()
    for row in answer["items"]:
        assert sum(row["contributions"].values()) == pytest.approx(row["score"], abs=1e-6)
        assert row["reason"]
    everybody = finished.query("published_lists", lists=LISTS)["user_id"].unique().sort()
    assert published["user_id"].unique().sort().equals(everybody)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("1", "--diversity", "much"), ("a number between 0 and 1, or diverse, got 'much'",)),
        (("1", "--diversity", "diverse", "--reranker", "mmr"), ("takes no --reranker",)),
        (("nobody",), ("no user 'nobody'", "polyrec export")),
        (("1", "--k", 0), ("k must be at least 1, got 0", "--k")),
        ((), ("either a user id, or --query",)),
        (("1", "--query", "toys"), ("either a user id, or --query",)),
        (("--query", " "), ("the query is empty", "--query")),
        (("--history", "1,none"), ("no item 'none'", "polyrec export")),
        (("--history", "1,,2"), ("an id is missing in '1,,2'", "--history")),
        (("--profile", "x", "--k", 0), ("k must be at least 1, got 0", "--k")),
        (("--k", 3, "-5"), ("has no option -5", "polyrec recommend --k 3")),
        (("--query", "x", "--diversity", 2), ("diversity must be between 0 and 1, got 2",)),
        (("--query", "x", "--reranker", "best"), ("no reranker 'best'", "mmr, dpp, calibrated")),
        (("1", "--reranker", "best"), ("no reranker 'best'", "--reranker mmr, dpp, calibrated")),
        (("1", "--diversity", 1.5), ("diversity must be between 0 and 1, got 1.5", "--diversity")),
        (("1", "--diversity", -0.1), ("diversity must be between 0 and 1, got -0.1", "--diversity")),
        (("1", "--diversity", "nan"), ("diversity must be between 0 and 1, got nan", "--diversity")),
    ],
)
def test_recommend_refuses(
    ask: Callable[..., Answer], arguments: Sequence[object], words: Sequence[str]
) -> None:
    refused(ask("recommend", *arguments), *words)
    refused(ask("recommend", *arguments, "--json"), *words)
