"""The settings of embedding: how texts, items and users become vectors."""

from typing import Literal

from pydantic import Field

from tasks.settings.section import Section


class Embedding(Section):
    """How texts, items and users become vectors."""

    encoder: Literal["minilm"] = "minilm"
    """The text encoder."""
    description_words: int = Field(default=40, ge=0, le=120)
    """So many words of a description, and of each column declared as content, are encoded."""
    interests: int = Field(default=4, ge=1, le=16)
    """At most so many interest vectors a user."""
    half_life_items: float = Field(default=40.0, gt=0)
    """An item this many positions back in a history weighs half as much in an interest vector."""
