"""What can go wrong between the program and its warehouse, in words for the person at the keyboard."""


class WarehouseError(RuntimeError):
    """The warehouse cannot do what was asked; the message says why and what to do next."""


class WarehouseBusy(WarehouseError):
    """Another process writes to the warehouse; the message names it."""
