"""Commands that show or write what a finished run left: texts, report, publications, export."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tasks.evaluation.report import notes
from tests.flows.commands import Answer, refused
from tests.homes import ITEMS, MATCHERS, SLOTS, USERS, Home
from warehouse.columns import DIVERSE_LISTS, LISTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_texts(ask: Callable[..., Answer]) -> None:
    table = ask("texts", "1")
    assert table.code == 0
    assert "Toy Story (1995)" in table.out
    answer = json.loads(ask("texts", "1", "--json").out)
    assert answer["title"] == "Toy Story (1995)"
    assert [row["angle"] for row in answer["texts"]] == ["audience", "mood", "story"]
    for row in answer["texts"]:
        assert row["log_prob"] < 0 < row["n_tokens"]
        assert row["engine"] == "openvino"


def test_texts_refuses_an_unknown_item(ask: Callable[..., Answer]) -> None:
    refused(ask("texts", "99999"), "no item '99999'", "polyrec export")


def test_report(ask: Callable[..., Answer]) -> None:
    table = ask("report")
    assert table.code == 0
    for name in (*MATCHERS, "fusion"):
        assert name in table.out
    report = json.loads(ask("report", "--json").out)
    wanted = (
        "dataset protocol seed split_hash items users interactions texts models fusion stages peak_rss_mb"
    )
    assert set(wanted.split()) <= set(report)
    assert (report["dataset"], report["protocol"], report["seed"]) == (
        "movielens-100k",
        "temporal_user",
        7,
    )
    assert (report["items"], report["users"]) == (ITEMS, USERS)
    assert report["order_is_time"] is False
    assert report["notes"] == notes("temporal_user", order_is_time=False)
    assert all(note in " ".join(table.out.split()) for note in report["notes"])
    texts = report["texts"]
    assert (texts["items"], texts["slots"], texts["generated"]) == (ITEMS, SLOTS, ITEMS * SLOTS)
    assert {"engine", "reused", "tokens", "tokens_per_second", "whole_sentences"} <= set(texts)
    assert texts["tokens_per_second"] > 0
    assert set(report["fusion"]["weights"]) == {*report["models"], "inverse_popularity"} == MATCHERS
    figures = {"ndcg_at_10", "recall_at_10", "coverage_at_10", "effective_catalogue_at_10", "ild_at_10"}
    for model in (*report["models"].values(), report["fusion"]):
        assert figures <= set(model["val"]) and figures <= set(model["test"])
    assert {"ndcg_ci", "vs_best_single"} <= set(report["fusion"]["test"])
    assert {"difference", "low", "high"} <= set(report["fusion"]["test"]["vs_best_single"])
    assert 100 < report["peak_rss_mb"] < 16_000


def test_publications(ask: Callable[..., Answer], finished: Home) -> None:
    answer = json.loads(ask("publications", "--check", "--json").out)
    (served,) = answer["publications"]
    assert (
        served["current"]
        and served["users"] == finished.query("published_lists", lists=LISTS)["user_id"].n_unique()
    )
    assert served["publication_id"] in ask("publications").out
    assert answer["alert"] is None


def test_old_lists_raise_an_alert(
    ask: Callable[..., Answer], user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYREC_FUSION__MAX_LIST_AGE_HOURS", "0.000001")
    answer = ask("publications", "--check", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["alert"] in answer.err.replace("\n", " ")
    answer = ask("recommend", user, "--json")
    assert answer.code == 0
    assert "polyrec: warning:" in answer.err and json.loads(answer.out)["alert"]


@pytest.mark.parametrize("asked", [["no-such-publication"], []])
def test_nothing_to_roll_back_to(ask: Callable[..., Answer], asked: list[str]) -> None:
    refused(ask("rollback", *asked), "publication")


@pytest.mark.parametrize(
    ("name", "options", "lists"),
    [
        ("lists.parquet", [], LISTS),
        ("lists.csv", [], LISTS),
        ("diverse.parquet", ["--diverse"], DIVERSE_LISTS),
    ],
)
def test_export(
    ask: Callable[..., Answer],
    finished: Home,
    tmp_path: Path,
    name: str,
    options: list[str],
    lists: str,
) -> None:
    file = tmp_path / name
    answer = ask("export", file, *options)
    assert answer.code == 0
    read = pl.read_parquet(file) if name.endswith("parquet") else pl.read_csv(file, infer_schema=False)
    published = finished.query("published_lists", lists=lists)
    assert f"{published.height:,} rows written" in answer.out
    for column in ("user_id", "item_id", "title"):
        assert read[column].to_list() == published[column].to_list()
    assert set(json.loads(read["contributions"][0])) == MATCHERS


@pytest.mark.parametrize("name", ["lists.xlsx", "lists", "nowhere/lists.csv"])
def test_export_refuses(ask: Callable[..., Answer], tmp_path: Path, name: str) -> None:
    refused(
        ask("export", tmp_path / name),
        "cannot export to",
        ".parquet or .csv" if "/" not in name else "make it",
    )
    assert not (tmp_path / name).exists()
