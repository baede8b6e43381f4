"""Hashes that decide whether work was already done."""

import json
from hashlib import blake2b

import polars as pl

# Made once: json.dumps would make one for every part.
_ENCODER = json.JSONEncoder(sort_keys=True, default=str)


def fingerprint(*parts: object) -> str:
    """Return a short hash of anything JSON can hold; frames count row by row, in their order.

    >>> fingerprint("a", 1) == fingerprint("a", 1), fingerprint("a", 1) == fingerprint("a", 2)
    (True, False)
    """
    digest = blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, pl.DataFrame):
            nested = [name for name, kind in part.schema.items() if kind.is_nested()]
            flat = part.with_columns(
                pl.col(name).cast(pl.List(pl.String)).list.join("\x1f").alias(name) for name in nested
            )
            digest.update(flat.write_csv(float_precision=9).encode())
        else:
            digest.update(_ENCODER.encode(part).encode())
        digest.update(b"\x1e")
    return digest.hexdigest()
