"""Matchers by name."""

from collections.abc import Callable
from pathlib import Path

from tasks.matching.base import read_description
from tasks.matching.contract import Matcher
from tasks.matching.cosine import Cosine
from tasks.matching.ease import Ease
from tasks.matching.popularity import Popularity
from tasks.matching.slit import Slit
from tasks.settings import Matching

BUILDERS: dict[str, Callable[[Matching], Matcher]] = {
    "cosine_max": lambda settings: Cosine("max"),
    "cosine_mean": lambda settings: Cosine("mean"),
    "ease": lambda settings: Ease(settings.ease_regularisation, settings.ease_half_life_items),
    "popularity": lambda settings: Popularity(settings.popularity_half_life_days),
    "slit": lambda settings: Slit(
        settings.slit_regularisation, settings.slit_half_life_items, settings.slit_history_half_life_items
    ),
}
CLASSES: dict[str, type[Matcher]] = {
    "cosine_max": Cosine,
    "cosine_mean": Cosine,
    "ease": Ease,
    "popularity": Popularity,
    "slit": Slit,
}


def build(name: str, settings: Matching) -> Matcher:
    """Make the matcher of this name, not fitted yet, with the parameters of the settings."""
    return BUILDERS[_known(name)](settings)


def load(folder: Path) -> Matcher:
    """Read whichever matcher was saved in a folder."""
    return CLASSES[_known(read_description(folder)["name"])].load(folder)


def _known(name: str) -> str:
    """Refuse a name that no matcher has."""
    if name not in BUILDERS:
        raise ValueError(
            f"no matcher is called {name!r}; choose among {', '.join(sorted(BUILDERS))} "
            "in [matching] matchers"
        )
    return name
