"""Built-in data sets: got from their publishers, and described as tables that any ingest can read."""

from tasks.ingest.sets.catalogue import folder_of_sets
from tasks.ingest.sets.prepare import builtin, overlay

__all__ = ["builtin", "folder_of_sets", "overlay"]
