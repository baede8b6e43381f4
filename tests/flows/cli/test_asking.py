"""What is asked of small worlds: ids like options, people who had everything, more than there is."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.flows.commands import Answer, refused
from tests.homes import CASES, Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Small = Callable[[str], Home]
Ask = Callable[..., Answer]
ODD, FULL = "ids-like-options", "user-who-has-everything"
EVERYTHING = [f"i{number:02}" for number in range(1, 13)]


def column(case: str, file: str, name: str) -> list[str]:
    with (CASES / case / file).open(encoding="utf-8", newline="") as rows:
        return list(dict.fromkeys(row[name] for row in csv.DictReader(rows)))


def asker(polyrec: Callable[..., Answer], home: Home) -> Ask:
    """Ask a home; what comes after -- is an id."""

    def ask(*words: object) -> Answer:
        at = words.index("--") if "--" in words else len(words)
        return polyrec(*words[:at], "--config", home.config, *words[at:])

    return ask


@pytest.fixture
def odd(polyrec: Callable[..., Answer], small: Small) -> Ask:
    return asker(polyrec, small(ODD))


@pytest.fixture
def full(polyrec: Callable[..., Answer], small: Small) -> Ask:
    return asker(polyrec, small(FULL))


def told(answer: Answer) -> Any:
    assert (answer.code, answer.err) == (0, "")
    return json.loads(answer.out)


def ids(answer: Any) -> list[str]:
    return [row["item_id"] for row in answer["items"]]


class TestIdsLikeOptions:
    def test_every_user_is_asked_for_by_their_id(self, odd: Ask, small: Small, tmp_path: Path) -> None:
        users = column(ODD, "interactions.csv", "user_id")
        assert odd("export", tmp_path / "l.csv").code == odd("export", tmp_path / "l.parquet").code == 0
        exported = pl.read_csv(tmp_path / "l.csv", infer_schema=False)
        assert set(exported["user_id"]) == set(users)
        assert set(pl.read_parquet(tmp_path / "l.parquet")["user_id"]) == set(users)
        assert told(odd("check", "--json"))["users"] == len(users)
        for user in users:
            answer = told(odd("recommend", "--json", "--", user))
            assert answer["user_id"] == user
            assert ids(answer) == exported.filter(pl.col("user_id") == user)["item_id"].head(10).to_list()
        for user in ("-5", "--help", "[red]r[/red]"):
            assert f"Recommended to user {user}\n" in odd("recommend", "--", user).out

    def test_every_item_is_shown_with_its_id_and_title(self, odd: Ask) -> None:
        titles = dict(
            zip(column(ODD, "items.csv", "item_id"), column(ODD, "items.csv", "title"), strict=True)
        )
        for item, title in titles.items():
            answer = told(odd("texts", "show", "--json", "--", item))
            assert (answer["item_id"], answer["title"]) == (item, title)
            visitor = told(odd("recommend", "--json", "--history", item, "--history", item))
            assert [row["item_id"] for row in visitor["history"]] == [item]
        assert (
            f"Texts of item [bold]x[/bold]: {titles['[bold]x[/bold]']}" in odd("texts", "[bold]x[/bold]").out
        )
        assert titles["-12"] in odd("texts", "--", "-12").out
        assert titles["report"] in odd("texts", "show", "report").out
        assert "Published texts" in odd("texts", "report").out
        assert "item -12, for user -5" in odd("explain", "--no-counterfactual", "--", "-5", "-12").out

    def test_two_ids_and_one_with_a_comma(self, odd: Ask) -> None:
        def history(*options: str) -> list[str]:
            return [row["item_id"] for row in told(odd("recommend", "--json", *options))["history"]]

        assert history("--history", "1,2") == ["2", "1"]
        assert history("--history=-12") == ["-12"]
        assert history("--history", "1,2", "--history", "é") == ["é", "1,2"]

    @pytest.mark.parametrize("json_too", [(), ("--json",)])
    @pytest.mark.parametrize(
        "words", [("recommend", "-5"), ("texts", "show", "-5"), ("explain", "-5", "-12")]
    )
    def test_without_the_dashes_it_is_said_how(
        self, polyrec: Callable[..., Answer], words: tuple[str, ...], json_too: tuple[str, ...]
    ) -> None:
        (at,) = (place for place, word in enumerate(words) if word == "-5")
        right = ["polyrec", *words[:at], *json_too, "--", *words[at:]]
        refused(polyrec(*words, *json_too), "has no option -5", " ".join(right))

    def test_ids_that_may_be_meant(self, odd: Ask) -> None:
        for typed, meant in (("12.0", "'12'"), ("0123", "'123'"), (" 12", "'12'"), ("A/B", "'a/b'")):
            refused(odd("recommend", "--", typed), f"no user {typed!r}", "near it: ", meant)
        refused(odd("texts", "SHOW"), "near it: 'show' (The Dawn Zephyr)")
        refused(odd("texts", "amber"), "near it: '-12' (The Amber Dawn)")
        refused(odd("recommend", "--history", "1,nosuch,É"), "no item 'nosuch'", "no item 'É'", "'é'")

    def test_people_with_such_ids_are_forgotten(
        self, polyrec: Callable[..., Answer], small: Small, tmp_path: Path
    ) -> None:
        home = small(ODD).copy(tmp_path / "home")
        home.config.write_text(
            small(ODD).config.read_text(encoding="utf-8").replace(str(small(ODD).folder), str(home.folder)),
            encoding="utf-8",
        )
        ask = asker(polyrec, home)
        kept = {user: told(ask("recommend", "--json", "--", user))["items"] for user in ("123", "012")}
        n = told(ask("publications", "--json"))["publications"][0]["users"]
        for gone in ("12", "-5", "o'brien"):
            assert told(ask("forget", "--yes", "--json", "--", gone))["tables"]["core.users"] == 1
            refused(ask("recommend", "--", gone), f"no user {gone!r}")
        assert told(ask("publications", "--json"))["publications"][0]["users"] == n - 3
        assert told(ask("report", "--json"))["users"] == n - 3
        for user, items in kept.items():
            assert told(ask("recommend", "--json", "--", user))["items"] == items
        assert ids(told(ask("recommend", "--json", "--history", "1,2", "--k", 3)))
        left = [path for path in home.folder.rglob("*") if path.is_file() and b"o'brien" in path.read_bytes()]
        assert left == []


class TestWhoHasEverything:
    @pytest.mark.parametrize("options", [(), ("--k", 1), ("--diversity", 0.5), ("--diversity", "diverse")])
    def test_nothing_or_the_one_item_is_left(self, full: Ask, options: tuple[object, ...]) -> None:
        answer = told(full("recommend", "all", "--json", *options))
        assert answer["items"] == [] and "Nothing is left for user 'all'" in answer["note"]
        assert answer["note"] in full("recommend", "all", *options).out
        assert ids(told(full("recommend", "all-but-i07", "--json", *options))) == ["i07"]

    def test_visitors(self, full: Ask) -> None:
        def visitor(*history: str) -> Any:
            return told(full("recommend", "--json", "--history", ",".join(history)))

        assert "Nothing is left for this visitor" in visitor(*EVERYTHING)["note"]
        assert ids(visitor(*EVERYTHING[:-1])) == ["i12"]
        assert visitor("i01", "i01", "i01")["items"] == visitor("i01")["items"]
        assert len(visitor("i01")["items"]) == 10

    def test_why_not(self, full: Ask) -> None:
        answer = told(full("explain", "all", "i03", "--json"))
        assert [cause["kind"] for cause in answer["causes"]] == ["already had"]
        assert "Already had: item 'i08'" in full("explain", "u1", "i08").out
        assert told(full("explain", "all-but-i07", "i07", "--json"))["rank"] == 1


class TestMoreThanThereIs:
    def test_all_that_there_is(self, polyrec: Callable[..., Answer], small: Small) -> None:
        ask = asker(polyrec, small("three-by-three"))
        for user, item in (("x", "c"), ("y", "b"), ("z", "a")):
            for options in ((), ("--k", 1), ("--k", 1000)):
                answer = told(ask("recommend", user, "--json", *options))
                assert ids(answer) == [item]
                assert (answer["note"] is None) == (options == ("--k", 1))
            assert told(ask("explain", user, item, "--k", 1000, "--json"))["rank"] == 1
            refused(ask("recommend", user, "--k", 0), "k must be at least 1, got 0")
        assert sorted(ids(told(ask("recommend", "--query", "Dawn", "--k", 1000, "--json")))) == [
            "a",
            "b",
            "c",
        ]

    @pytest.mark.parametrize("case", ["one-event", "one-item", "one-user"])
    def test_one_of_something(self, polyrec: Callable[..., Answer], small: Small, case: str) -> None:
        ask = asker(polyrec, small(case))
        items = column(case, "items.csv", "item_id")
        for user in column(case, "interactions.csv", "user_id"):
            answer = told(ask("recommend", user, "--json"))
            had = {row["item_id"] for row in answer["history"]}
            assert sorted(ids(answer)) == sorted(set(items) - had)
            for item in items:
                found = told(ask("explain", user, item, "--json"))
                assert (found["rank"] is None) == (item in had)
        assert sorted(ids(told(ask("recommend", "--query", "Echo", "--json")))) == sorted(items)
