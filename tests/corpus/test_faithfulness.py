import pytest

from tasks.corpus.faithfulness import faithfulness
from tasks.items.item import Item

HEAT = Item("Heat", 1995, ["Action", "Crime"], "A detective hunts Neil McCauley.", '{"director": "Mann"}')


@pytest.mark.parametrize(
    ("text", "claims", "unfounded"),
    [
        ("A story about Neil and the heat.", 1, ()),
        ("A story about Al Pacino.", 2, ("Al", "Pacino")),
        ("Mann's film of 1995.", 1, ()),  # the first word begins the sentence
        ("A film by Mann, not Scott.", 2, ("Scott",)),
        ("A film of the 1990s, no, the 90s.", 2, ()),
        ("A film of the 1980s.", 1, ("1980s",)),
        ("A heist. Nobody talks. Los Angeles burns.", 1, ("Angeles",)),
        ("The mood is grim: The end.", 0, ()),
        ("It's a London-based 19-year-old.", 2, ("London", "19")),
        ("A film about Crimes and Action.", 2, ()),
        ("A story with J. Hopkins.", 2, ("J", "Hopkins")),
        ("", 0, ()),
        ("犯罪の物語。", 0, ()),
    ],
)
def test_names_and_numbers_are_looked_up(text: str, claims: int, unfounded: tuple[str, ...]) -> None:
    assert faithfulness(text, HEAT)[:] == (claims, unfounded)


def test_share() -> None:
    assert faithfulness("A calm film.", HEAT).share == 1
    assert faithfulness("A film by Mann and Scott in 1995 and 1996.", HEAT).share == 1 / 2


def test_accents_and_case_do_not_matter() -> None:
    item = Item("LES MISÉRABLES", None, [])
    assert faithfulness("A story of Les Miserables.", item).unfounded == ()
    assert faithfulness("A story of 1995.", item).unfounded == ("1995",)


def test_words_of_the_opening_claim_nothing_new() -> None:
    text = "Perfect for Netflix fans."
    assert faithfulness(text, HEAT).unfounded == ("Netflix",)
    assert faithfulness(text, HEAT, "Perfect for Netflix").unfounded == ()
