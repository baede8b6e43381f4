"""Built-in data sets: got from their publishers, and described as tables that any ingest can read."""

from tasks.ingest.sets.prepare import builtin

__all__ = ["builtin"]
