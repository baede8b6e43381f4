"""What can go wrong, in words for the person at the keyboard."""


class PolyrecError(Exception):
    """What a user is told in one line: the value, the constraint and the next action."""


class SettingsError(PolyrecError):
    """Settings that cannot be used; the message names the key and what it may be."""


class SourceError(PolyrecError):
    """A delivery that is not loaded; the message names the file or table, and what to do."""


class WarehouseError(PolyrecError):
    """The warehouse cannot do what was asked; the message says why and what to do next."""


class WarehouseBusy(WarehouseError):
    """Another process writes to the warehouse; the message names it."""
