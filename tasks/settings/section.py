"""What every section of the settings has in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    not_searched: ClassVar[str] = ""
    """Of a matcher's section: why `polyrec tune` has nothing to search in it."""
