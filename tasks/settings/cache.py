"""Where a user's programs keep what they can make again."""

import os
import sys
from pathlib import Path

from warehouse.errors import SettingsError


def user_cache() -> Path:
    """Return the folder `polyrec` among the user's caches: where the system or XDG_CACHE_HOME has them.

    Raises:
        SettingsError: the user has no home folder.
    """
    named = os.environ.get({"win32": "LOCALAPPDATA"}.get(sys.platform, "XDG_CACHE_HOME"), "")
    if Path(named).is_absolute():  # a relative one is to be ignored, says the XDG specification
        return Path(named) / "polyrec"
    try:
        home = Path.home()
    except RuntimeError:
        raise SettingsError(
            "there is no home folder to keep prepared models in; set POLYREC_CACHE to a folder for them"
        ) from None
    below = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    return home / below / "polyrec"
