"""`polyrec check`: exit codes, what is printed, and that JSON comes in every case."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.app import app
from tests.ingest.deliveries import EVENT_KEYS, EVENTS, ITEMS, deliver

KEYS = [
    "items",
    "users",
    "interactions",
    "seen_only",
    "seen_only_reasons",
    "sparsity",
    "time_range",
    "text_coverage",
    "problems",
    "readings",
    "usable",
    "sources",
    "alert",
]


def check(config: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["check", "--config", str(config), *options], env={"COLUMNS": "200"})


def test_usable(tmp_path: Path) -> None:
    config = deliver(tmp_path)
    answer = check(config, "--json")
    values = json.loads(answer.stdout)
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert list(values) == KEYS
    assert (values["items"], values["users"], values["interactions"], values["usable"]) == (3, 2, 3, True)
    assert values["problems"] == []
    shown = check(config)
    assert shown.exit_code == 0 and shown.stdout.rstrip().endswith("Usable.")
    for words in (
        "Used: 2 users, 3 items, 3 interactions",
        "50.00% have no",
        "positions in a column are the order",
    ):
        assert words in shown.stdout


def test_usable_with_warnings(tmp_path: Path) -> None:
    config = deliver(tmp_path, events=EVENTS + "\x1b[31m,1,red [bold],1\n" * 2 + "b,7,1,1\n")
    answer = check(config, "--json")
    values = json.loads(answer.stdout)
    assert answer.exit_code == 1 and values["usable"]
    assert [set(one) for one in values["problems"]] == [{"kind", "reason", "count", "example"}] * 2
    assert values["problems"][1]["example"] == {
        "source": "events.csv",
        "line": 7,
        "field": "item_id",
        "value": "7",
    }
    shown = check(config)
    assert shown.exit_code == 1 and "Usable, but for the problems above." in shown.stdout
    assert "events.csv, line 7: item_id = '7'" in shown.stdout and "\x1b[31m" not in shown.stdout
    assert r"\x1b[31m" in shown.stdout


@pytest.mark.parametrize(
    ("items", "event_keys", "words"),
    [
        ("item_id,title\n", EVENT_KEYS, "no rows are delivered"),
        (ITEMS, EVENT_KEYS.replace("events", "gone"), "'gone.csv' does not exist"),
        (ITEMS, EVENT_KEYS + "min_valeu = 1", "'data.interactions.min_valeu' is 1"),
    ],
)
def test_not_usable(tmp_path: Path, items: str, event_keys: str, words: str) -> None:
    config = deliver(tmp_path, items, event_keys=event_keys)
    answer = check(config, "--json")
    values = json.loads(answer.stdout)
    assert answer.exit_code == 2 and list(values) == KEYS and values["usable"] is False
    assert any(words in one["reason"] for one in values["problems"])
    shown = check(config)
    assert shown.exit_code == 2 and isinstance(shown.exception, SystemExit)
    assert "Not usable: " in shown.stdout and words in shown.stdout


OUTSIDE = """
[matching]
matchers = ["ease", "ours"]
[[matching.external]]
name = "ours"
files = "no/{fit}.parquet"
"""


@pytest.mark.parametrize(
    ("matching", "words"),
    [
        (
            '[matching]\nmatchers = ["easy"]\n',
            "no matcher is called 'easy'; choose among",
        ),
        (OUTSIDE, "no/train.parquet with scores of the fit 'train'; write one for each of train,"),
        ('[matching]\nmatchers = ["ease", "popularity"]\n', ""),
    ],
)
def test_matchers_that_a_run_could_not_make(tmp_path: Path, matching: str, words: str) -> None:
    config = deliver(tmp_path)
    config.write_text(config.read_text() + "\n" + matching)
    answer = check(config, "--json")
    values = json.loads(answer.stdout)
    assert (answer.exit_code, values["usable"]) == ((2, False) if words else (0, True))
    assert [one["kind"] for one in values["problems"]] == ["settings"] * bool(words)
    assert all(words in one["reason"] for one in values["problems"])


def test_no_configuration_is_told_as_json_too(tmp_path: Path) -> None:
    answer = check(tmp_path / "no.toml", "--json")
    (problem,) = json.loads(answer.stdout)["problems"]
    assert answer.exit_code == 2 and problem["reason"].startswith("no configuration file")
    assert (problem["kind"], problem["count"], problem["example"]) == ("settings", 1, None)


def test_types_of_events_that_init_did_not_see(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(ITEMS)
    rows = [f"u{n},{n % 3 + 1},{'view' if n < 6_000 else 'purchase'},{n}\n" for n in range(6_002)]
    (tmp_path / "log.csv").write_text("user_id,item_id,event,timestamp\n" + "".join(rows))
    files = ("--items", str(tmp_path / "items.csv"), "--interactions", str(tmp_path / "log.csv"))
    made = CliRunner().invoke(app, ["init", str(tmp_path), *files])
    assert made.exit_code == 0
    config = tmp_path / "polyrec.toml"
    answer = check(config, "--json")
    (problem,) = json.loads(answer.stdout)["problems"]
    reason, _, line = problem["reason"].partition("; in [data.interactions]: ")
    assert (reason, problem["count"]) == ("event type 'purchase' has no weight", 2)
    assert problem["example"]["line"] == 6_002
    text = config.read_text()
    (old,) = [one for one in text.splitlines() if one.startswith("event_weights")]
    config.write_text(text.replace(old, line))
    assert check(config).exit_code == 0


def test_help() -> None:
    answer = CliRunner().invoke(app, ["check", "--help"], env={"COLUMNS": "120"})
    assert answer.exit_code == 0
    for words in ("--config", "--json", "code 0", "load nothing"):
        assert words in answer.stdout


def test_names_of_files_are_not_read_as_markup(tmp_path: Path) -> None:
    folder = tmp_path / "a[" / "b]"
    folder.mkdir(parents=True)
    answer = check(deliver(folder))
    assert answer.exit_code == 0 and answer.stdout.rstrip().endswith("Usable.")
