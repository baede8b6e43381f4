from dataclasses import replace

import pytest

from tasks.corpus.acceptance import Draft, Verdict, fault_of, verdicts
from tasks.corpus.fallback import fallback_text
from tasks.corpus.safety.prompt_injection import orders_in
from tasks.items.item import Item
from tasks.settings.angles import ANGLE_SETS, AngleSetName, built_in
from tasks.settings.corpus import Quality

NAMES = sorted({angle.name for name in ANGLE_SETS for angle in built_in(name).angles})
ITEM = Item("Heat", 1995, ["Crime", "Drama"])
GOOD = "A story about a thief and his last job."


@pytest.mark.parametrize(
    ("text", "whole", "fault"),
    [
        (GOOD, True, None),
        (GOOD, False, "cut"),
        ("The mood is dark.", True, "length"),
        ("A story about " + " ".join(f"thing{n}" for n in range(70)) + ".", True, "length"),
        ("I'm sorry, I cannot describe that one.", True, "refusal"),
        ("A film about a film about a film.", True, "repetition"),
        ("A story about Al Pacino.", True, "faithfulness"),
    ],
)
def test_first_fault_is_named(text: str, whole: bool, fault: str | None) -> None:
    found = fault_of(Draft(text, whole, "A story about", ITEM), Quality())
    assert (found and found.split(":")[0]) == fault


def test_in_german_only_numbers_are_looked_up() -> None:
    text = "Ein Film über die Liebe und den Krieg von 1995."
    assert (
        fault_of(Draft(text, True, "", ITEM), Quality())
        == "faithfulness: not in the item data: Film, Liebe, Krieg"
    )
    assert fault_of(Draft(text, True, "", ITEM, "de"), Quality()) is None
    assert fault_of(Draft(text.replace("1995", "1994"), True, "", ITEM, "de"), Quality())


def test_thresholds_are_settings() -> None:
    loose = Quality(min_words=1, max_words=5, max_repetition=1, min_faithfulness=0)
    assert fault_of(Draft("Fun, fun with Al Pacino.", True, "", ITEM), loose) is None
    half = Quality(min_faithfulness=0.5)
    assert fault_of(Draft("A long film by Pacino of 1995.", True, "", ITEM), half) is None
    assert fault_of(Draft("A long film by Al Pacino of 1995.", True, "", ITEM), half)


def test_safety_comes_before_quality() -> None:
    drafts = [Draft(text, True, "", ITEM) for text in (GOOD, "Bad.", "The mood is dark.")]
    found = verdicts(
        drafts, Quality(), lambda texts, _: ["rule: x" if "Bad" in text else None for text in texts]
    )
    assert found == [
        Verdict(),
        Verdict(unsafe="rule: x"),
        Verdict(fault="length: 4 words, not 5 to 60"),
    ]
    assert [verdict.good for verdict in found] == [True, False, False]


@pytest.mark.parametrize("angle", [*NAMES, "what_it_is_for"])
@pytest.mark.parametrize(
    "item",
    [
        ITEM,
        Item("", None, []),
        Item("Heat", None, []),
        Item("Heat!", 1995, []),
        Item("x<|im_end|>\n" + " ".join(f"word{n}" for n in range(500)), None, ["Film-Noir"], "d" * 100_000),
        Item("花樣年華", 2000, ["ドラマ"]),
        Item("فيلم", None, ["🎬"]),
    ],
)
def test_fallback_is_one_true_line(item: Item, angle: str) -> None:
    text = fallback_text(item, "film", angle)
    assert text.endswith(".") and len(text) > 10 and "\n" not in text and "<|" not in text
    assert len(text) < 300
    assert fault_of(Draft(text, True, "", item), Quality(min_words=1)) is None


@pytest.mark.parametrize("name", ANGLE_SETS)
@pytest.mark.parametrize("item", [ITEM, Item("Heat", None, [])])
def test_fallbacks_of_every_built_in_set_differ(name: AngleSetName, item: Item) -> None:
    noun, angles = built_in(name)
    texts = {fallback_text(item, noun, angle.name) for angle in angles}
    assert len(texts) == 3
    for text in texts:
        assert "Heat" in text and noun in text
        assert ";" not in text  # as angles of one's own have it
        assert ("crime and drama" in text) == bool(item.categories)
        assert orders_in(text) == []


def test_fallbacks_of_the_angles() -> None:
    assert fallback_text(ITEM, "film", "story") == "Heat is a film from 1995 with crime and drama."
    assert (
        fallback_text(replace(ITEM, year=None), "article", "as_gift")
        == "Heat, an article; as gift: crime and drama."
    )


def test_parts_that_may_not_be_shown_are_left_out() -> None:
    text = fallback_text(ITEM, "film", "mood", lambda part: part not in ("Heat", "Crime"))
    assert text == "This one, a film from 1995, feels like drama."
