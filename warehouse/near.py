"""What is said of an id that nobody knows: the ids that are like it."""

import unicodedata
from typing import Literal

from warehouse.sql import Reader


def near(reader: Reader, kind: Literal["users", "items"], wanted: str) -> str:
    """Ids that may be meant, the likest first, as the end of a sentence; else where all ids are.

    An id that looks the same as what is wanted, being made of other characters, is written out.
    """
    found = reader.query(f"near_{kind}", wanted=wanted)
    if found.is_empty():
        return "see the ids with `polyrec export`"
    shown = [_quoted(id_, wanted) + (f" ({title})" if title else "") for id_, title in found.iter_rows()]
    return f"near it: {', '.join(shown)}"


def _quoted(id_: str, wanted: str) -> str:
    same = unicodedata.normalize("NFC", id_) == unicodedata.normalize("NFC", wanted)
    return ascii(id_) if same else repr(id_)
