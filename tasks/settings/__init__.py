"""Every setting of a run: a class for each section of polyrec.toml."""

from tasks.settings.root import PROJECT, Settings, load_settings

__all__ = ["PROJECT", "Settings", "load_settings"]
