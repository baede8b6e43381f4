"""What is said of an id that nobody knows: the ids that are like it."""

import unicodedata
from typing import Literal

from warehouse.sql import Reader


def near(reader: Reader, kind: Literal["users", "items"], wanted: str) -> str:
    """Ids that may be meant, the likest first, as the end of a sentence; else where all ids are.

    An id that looks the same as another one, being made of other characters, is written out.
    """
    found = reader.query(f"near_{kind}", wanted=wanted)
    if found.is_empty():
        return "see the ids with `polyrec export`"
    shown = [_quoted(id_, wanted) + (f" ({title})" if title else "") for id_, title in found.iter_rows()]
    return f"near it: {', '.join(shown)}"


def _quoted(id_: str, wanted: str) -> str:
    composed = unicodedata.normalize("NFC", id_)
    looks_alike = id_ != composed or composed == unicodedata.normalize("NFC", wanted)
    return ascii(id_) if looks_alike else repr(id_)
