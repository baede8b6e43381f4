"""What can go wrong with a built-in data set, in words for the person at the keyboard."""

from warehouse.errors import SourceError


class SetError(SourceError):
    """A built-in data set cannot be fetched or used; the message says why and what to do next."""
