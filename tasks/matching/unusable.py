"""What would stop matching before it begins, found without fitting anything."""

from tasks.matching.external import file_of
from tasks.matching.registry import build
from tasks.settings.matching import Matching
from warehouse.columns import FITS
from warehouse.errors import PolyrecError


def unusable(settings: Matching) -> str | None:
    """Why these matchers cannot be made: a name that none has, or an outside model whose file is missing."""
    try:
        for name in settings.matchers:
            build(name, settings)
        for one in settings.chosen_external:
            for fit in FITS:
                file_of(one.files, fit)
    except PolyrecError as error:
        return str(error)
    return None
