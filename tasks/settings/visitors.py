"""Settings of answers to people whom no fit knows."""

from pydantic import Field

from tasks.settings.section import Section


class Visitors(Section):
    """How lists are made for people whom no fit knows: from a query, a profile or a few items."""

    query_weight: float = Field(default=0.7, ge=0, le=1)
    """What a query weighs against everything else that is known of the visitor."""
    keyword_share: float = Field(default=0.3, ge=0, le=1)
    """Of a query's weight, keyword search has this share; semantic search has the rest."""
    popularity_weight: float = Field(default=0.1, ge=0, le=1)
    """Popularity weighs at least so much for a visitor without history."""
