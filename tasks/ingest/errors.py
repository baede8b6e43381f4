"""What can be wrong with a delivery as a whole."""


class IngestError(RuntimeError):
    """A delivery that is not loaded as it is; the message says why and what to do."""
