"""Settings as adaptation to the data has them: what it chose, where a user has not said something else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.settings.root import Settings
from tasks.settings.section import Section

FROZEN = "movielens-100k"  # the defaults were found on it


@dataclass(frozen=True)
class Choice:
    """What an adaptation chose."""

    values: Mapping[str, Mapping[str, Any]]
    """Section of [matching] to its settings that differ from the defaults."""
    left_out: tuple[str, ...] = ()
    """Matchers that fell too far behind the best one."""


def adapts(settings: Settings) -> bool:
    """Whether these settings follow an adaptation."""
    return follows(settings.matching.adapt, settings.data.source)


def follows(adapt: str, source: str) -> bool:
    """Whether [matching] adapt asks for adaptation of a data set of this source."""
    return adapt == "on" or (adapt == "auto" and source != FROZEN)


def named(section: Section) -> set[str]:
    """Settings of a matcher that a user's file or environment names, so that they stay as they are.

    A section that names every key, as polyrec.toml of the project does, is a copy: of such a one, those are
    meant that differ from the default.
    """
    fields, given = type(section).model_fields, section.model_fields_set
    if given < fields.keys():
        return set(given)
    return {name for name, field in fields.items() if getattr(section, name) != field.default}


def adapted(settings: Settings, choice: Choice | None) -> Settings:
    """The settings with what was chosen; values that the user's file or environment names stay.

    Take the settings as they were read: those that this returns name every value.
    """
    if choice is None or not adapts(settings):
        return settings
    matching = settings.matching
    kept = tuple(name for name in matching.matchers if name not in choice.left_out)
    changed: dict[str, Any] = {"matchers": kept or matching.matchers}
    for key, values in choice.values.items():
        section: Section = getattr(matching, key)
        kept_values = named(section)
        open_values = {name: value for name, value in values.items() if name not in kept_values}
        changed[key] = type(section).model_validate({**section.model_dump(), **open_values})
    return settings.model_copy(update={"matching": matching.model_copy(update=changed)})
