"""Reads GGUF files, version 3: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.

The package gguf reads them, too, but makes arrays of every word of the vocabulary: it takes 5 seconds for the
49,152 words and 48,900 merges of SmolLM2, this a tenth of one.
"""

import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC, VERSION = b"GGUF", 3
STRING, ARRAY = 8, 9
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
ALIGNMENT = 32


class Field(NamedTuple):
    """A value of the header, with the numbers of its type and, of an array, of its elements'."""

    value: Any
    kind: int
    inner: int | None = None


class Tensor(NamedTuple):
    """Where a tensor stands in the file."""

    name: str
    shape: tuple[int, ...]
    """The fastest dimension last, as of numpy."""
    kind: int
    """Number of its type: how it is quantised."""
    start: int
    """The byte of the file that it begins with."""


class GgufFile:
    """What a file holds: `fields` of the header by name, `tensors` in their order."""

    def __init__(self, path: Path) -> None:
        self.bytes: NDArray[np.uint8] = np.memmap(path, mode="r")
        self._buffer, self._at = self.bytes.data, 4
        version, n_tensors, n_fields = self._unpack("IQQ")
        if bytes(self._buffer[:4]) != MAGIC or version != VERSION:
            raise ValueError(f"{path} is no GGUF file of version {VERSION}; install its package anew")
        self.fields = dict(self._field() for _ in range(n_fields))
        found = [self._tensor() for _ in range(n_tensors)]
        align = self.fields["general.alignment"].value if "general.alignment" in self.fields else ALIGNMENT
        data = -(-self._at // align) * align
        self.tensors = [one._replace(start=one.start + data) for one in found]

    def _unpack(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self._buffer, self._at)
        self._at += struct.calcsize(f"<{form}")
        return values

    def _string(self) -> str:
        (length,) = self._unpack("Q")
        self._at += length
        return str(self._buffer[self._at - length : self._at], "utf-8")

    def _field(self) -> tuple[str, Field]:
        name = self._string()
        (kind,) = self._unpack("I")
        if kind == STRING:
            return name, Field(self._string(), kind)
        if kind != ARRAY:
            return name, Field(self._unpack(NUMBERS[kind])[0], kind)
        inner, length = self._unpack("IQ")
        if inner == STRING:
            return name, Field([self._string() for _ in range(length)], kind, inner)
        return name, Field([*self._unpack(f"{length}{NUMBERS[inner]}")], kind, inner)

    def _tensor(self) -> Tensor:
        name = self._string()
        (n_dimensions,) = self._unpack("I")
        shape = self._unpack(f"{n_dimensions}Q")
        kind, start = self._unpack("IQ")
        return Tensor(name, shape[::-1], kind, start)
