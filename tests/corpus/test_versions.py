"""Versions of texts that live side by side: their names, and what each would show."""

from typing import Any

import polars as pl
import pytest

from tasks.corpus.prompts import SEPARATOR
from tasks.corpus.versions import shown, texts_of_pass, texts_of_version, version_counts, with_versions
from warehouse.errors import PolyrecError


def text(
    item: str,
    slot: int,
    text: str,
    engine: str = "alpha",
    task: str = "Say.",
    opening: str = "It",
    number: int = 1,
    **more: Any,
) -> dict[str, Any]:
    return {
        "item_id": item,
        "slot": slot,
        "angle": ("story", "mood")[slot],
        "engine": engine,
        "prompt": SEPARATOR.join([task, f"Facts of {item}.", opening]),
        "pass": number,
        "attempt": 0,
        "status": "ok",
        "text_id": text,
        "text": text,
        "live": False,
        **more,
    }


def versions(*rows: dict[str, Any]) -> pl.DataFrame:
    return with_versions(pl.DataFrame(list(rows)))


def chosen(texts: pl.DataFrame) -> list[str]:
    return texts["text"].to_list()


def test_items_do_not_make_versions_but_tasks_and_engines_do() -> None:
    texts = versions(
        text("1", 0, "a"),
        text("2", 0, "b"),
        text("1", 1, "c", opening="Mood"),
        text("1", 0, "d", task="Tell."),
        text("1", 0, "e", engine="beta"),
    )
    counts = version_counts(texts)
    assert counts["alpha"] == 3  # places, not texts: a and d share one
    assert counts["beta"] == 1
    by_task = {name: count for name, count in counts.items() if name.startswith("alpha@")}
    assert sorted(by_task.values()) == [1, 3]
    (three,) = [name for name, count in by_task.items() if count == 3]
    assert chosen(texts_of_version(texts, three)) == ["a", "c", "b"]
    assert ":" not in "".join(counts)


def test_openings_have_names_where_a_slot_has_several() -> None:
    texts = versions(
        text("1", 0, "a"), text("1", 1, "b", opening="Mood"), text("1", 1, "c", opening="The mood", live=True)
    )
    named = {name for name in version_counts(texts) if ":" in name}
    assert {name.split(":")[1] for name in named} == {"mood"}
    assert sorted(text for name in named for text in chosen(texts_of_version(texts, name))) == ["b", "c"]
    assert chosen(texts_of_version(texts, "alpha")) == ["a", "c"]


def test_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(PolyrecError, match=r"'gamma'; there are alpha \(1 texts\), alpha@\w{8} \(1 texts\)"):
        texts_of_version(versions(text("1", 0, "a")), "gamma")


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([{"attempt": 0}, {"attempt": 1, "live": True}], 1),
        ([{"status": "fallback"}, {"attempt": 1}], 1),
        ([{"attempt": 1}, {"attempt": 0}], 1),
        ([{}, {"pass": 2}], 1),
        ([{"live": True}, {"pass": 2}], 0),
    ],
)
def test_one_text_of_a_place(rows: list[dict[str, Any]], wanted: int) -> None:
    texts = versions(*(text("1", 0, str(number), **row) for number, row in enumerate(rows)))
    assert chosen(shown(texts)) == [str(wanted)]


def test_a_pass_shows_rewrites_where_they_were_kept() -> None:
    first = [text("1", 0, "a"), text("1", 1, "b", live=True), text("9", 0, "not live in this place")]
    assert texts_of_pass(versions(*first), 2).is_empty()
    texts = versions(*first, text("1", 0, "a again", live=True, number=2))
    assert chosen(texts_of_pass(texts, 1)) == ["a", "b"]
    assert chosen(texts_of_pass(texts, 2)) == ["a again", "b"]


def test_rewrites_have_one_name_though_each_has_a_prompt_of_its_own() -> None:
    texts = versions(
        text("1", 0, "a"),
        text("1", 0, "a again", task="Tell more than: a", number=2),
        text("2", 0, "b again", task="Tell more than: b", number=2),
    )
    counts = version_counts(texts)
    assert counts["alpha"] == 2 and counts["alpha@pass2"] == 2 and len(counts) == 3
    assert chosen(texts_of_version(texts, "alpha@pass2")) == ["a again", "b again"]
