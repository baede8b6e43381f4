"""Every setting of a run: a class for each section of polyrec.toml."""

from tasks.settings.root import PROJECT, Settings, load_settings
from warehouse.errors import PolyrecError

__all__ = ["PROJECT", "PolyrecError", "Settings", "load_settings"]
