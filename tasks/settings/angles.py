"""What the K texts of an item talk about: angles of one's own, and the built-in sets of them."""

from functools import cache
from typing import Literal, NamedTuple, get_args

from pydantic import Field, ValidationInfo, field_validator

from tasks.settings.section import Section
from tasks.settings.templates import check_template
from warehouse.errors import PolyrecError

# Those with a list of profanity whose sentences end in a full stop and whose words are apart: the safety and
# quality rules can check them.
LANGUAGES = {
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "es_419": "Latin American Spanish",
    "fi": "Finnish",
    "fr": "French",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ko": "Korean",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "pt_br": "Brazilian Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "tr": "Turkish",
    "uk": "Ukrainian",
}
# All nouns have a capital there: it says nothing about names.
CAPITAL_NOUNS = frozenset({"de"})
AngleSetName = Literal["films", "books", "products", "news", "travel", "music", "items"]


class Angle(Section):
    """What one of the K texts of an item talks about."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """The name under which the text is kept and shown."""
    instruction: str = Field(min_length=3, max_length=200)
    """What the text says, as it goes on from "write one short sentence: "."""
    template: str = Field(min_length=1, max_length=4000)
    """Jinja2: the item's facts, then on the last line how the answer begins; docs/architecture/texts.md."""
    language: str = "en"
    """The language of the text: a code such as "de"."""

    @field_validator("language")
    @classmethod
    def _check_language(cls, language: str) -> str:
        if language not in LANGUAGES:
            raise ValueError(f"texts cannot be checked in {language!r}; take one of {', '.join(LANGUAGES)}")
        return language

    @field_validator("template")
    @classmethod
    def _check_template(cls, template: str, info: ValidationInfo) -> str:
        if "name" in info.data:  # else that is the error to tell
            try:
                check_template(info.data["name"], template)
            except PolyrecError as error:
                raise ValueError(str(error)) from None
        return template


class AngleSet(NamedTuple):
    """Angles for a kind of item."""

    noun: str
    """What an item is called in prompts."""
    angles: tuple[Angle, ...]


# A noun; then name, what is asked for, and how the answer begins. An opening is no order to the reader ("Use
# it to"): the safety rules hold back texts that are. The prompts of films are what they always were, so the
# texts that warehouses hold stay.
_SETS: dict[AngleSetName, tuple[str, *tuple[tuple[str, str, str], ...]]] = {
    "films": (
        "film",
        ("audience", "who would love it", "Perfect for viewers who"),
        ("mood", "how it feels", "The mood is"),
        ("story", "what it is about", "A story about"),
    ),
    "books": (
        "book",
        ("audience", "who would love it", "Perfect for readers who"),
        ("mood", "how it reads", "The mood is"),
        ("story", "what it is about", "A book about"),
    ),
    "products": (
        "product",
        ("audience", "who would love it", "Perfect for people who"),
        ("use", "what it is for", "It is used to"),
        ("style", "how it looks", "The style is"),
    ),
    "news": (
        "article",
        ("audience", "who should read it", "Worth reading for people who"),
        ("topic", "what it is about", "It is about"),
        ("reason", "why it matters", "It matters because"),
    ),
    "travel": (
        "place",
        ("audience", "who would love it", "Perfect for travellers who"),
        ("mood", "how it feels to be there", "The mood is"),
        ("activity", "what to do there", "People go there to"),
    ),
    "music": (
        "song",
        ("audience", "who would love it", "Perfect for listeners who"),
        ("mood", "how it feels", "The mood is"),
        ("moment", "when to listen to it", "It is best heard when"),
    ),
    "items": (
        "item",
        ("audience", "who would love it", "Perfect for people who"),
        ("mood", "how it feels", "It feels"),
        ("purpose", "what it is for", "It is for"),
    ),
}


@cache
def built_in(name: AngleSetName) -> AngleSet:
    """The built-in set of a name."""
    noun, *angles = _SETS[name]
    return AngleSet(
        noun,
        tuple(
            Angle(name=angle, instruction=asked, template="{{ facts }}\n" + opening)
            for angle, asked, opening in angles
        ),
    )


ANGLE_SETS: tuple[AngleSetName, ...] = get_args(AngleSetName)


def angle_set_for(noun: str) -> AngleSetName:
    """The built-in set for items that are called so; the one for anything where there is none.

    >>> angle_set_for("book"), angle_set_for("teapot")
    ('books', 'items')
    """
    names: dict[str, AngleSetName] = {called: name for name, (called, *_) in _SETS.items()}
    return names.get(noun, "items")
