"""Shards: tasks write Parquet files, one committer loads each in one transaction, its manifest row last.

A row in ops.shards means that the shard is whole, so a shard is never done again, and a run that was killed
goes on at the next one.
"""

import json
import os
import re
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.sql import plain

METADATA = "polyrec"
NAMED = ("stage", "fit", "shard_key", "fingerprint")  # what a shard's manifest row says of it
SAFE = re.compile(r"[A-Za-z0-9_-]+")


def shard_key(key: str, n_shards: int) -> str:
    """The shard that a key belongs to, such as `0003_of_0053`; nothing but the arguments decides."""
    if n_shards < 1:
        raise ValueError(f"n_shards must be at least 1, got {n_shards}")
    number = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") % n_shards
    return f"{number:04d}_of_{n_shards:04d}"


def number_of_shards(n_rows: int, rows_a_shard: int) -> int:
    """A power of two, so that a growing data set seldom moves rows between shards.

    >>> number_of_shards(1682, 128), number_of_shards(10, 128)
    (16, 1)
    """
    return 1 << max(0, -(-n_rows // rows_a_shard) - 1).bit_length()


class Spool:
    """The folder of shards that are written but not yet loaded."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.folder = warehouse.folder / "spool"
        self.folder.mkdir(exist_ok=True)

    def write(
        self,
        stage: str,
        fit: str,
        key: str,
        fingerprint: str,
        table: str,
        frame: pl.DataFrame,
        replaces: Mapping[str, object] | None = None,
    ) -> Path:
        """Write a shard's rows to a file that is whole or not there.

        Stage, fit ("" for what depends on none) and key (of `shard_key`) name the shard; the fingerprint is
        the hash of all that the rows depend on, which `done` gives back. `replaces` (column to value or list
        of values) are rows of the table that go before these come: what an earlier shard of this key left
        behind. It is needed for a table without a primary key.
        """
        for name, value in (("stage", stage), ("fit", fit or "none"), ("key", key)):
            if not SAFE.fullmatch(value):
                raise WarehouseError(
                    f"a shard's {name} is part of a file name: letters, digits, _ and - only; got {value!r}"
                )
        shard = dict(zip(NAMED, (stage, fit, key, fingerprint), strict=True))
        whole = {**shard, "table": table, "replaces": plain(replaces) if replaces is not None else None}
        path = self.folder / f"{stage}.{fit or 'none'}.{key}.parquet"
        draft = path.with_suffix(".tmp")
        with draft.open("wb") as file:
            frame.write_parquet(file, metadata={METADATA: json.dumps(whole)})
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        return path

    def commit(self, path: Path) -> int:
        """Load a shard and its manifest row in one transaction, then remove the file; returns the rows."""
        shard, frame = self._read(path)
        table, replaces = shard["table"], shard["replaces"]
        keyed = self.warehouse.has_primary_key(table)
        if replaces is None and not keyed:
            raise WarehouseError(
                f"{table} has no primary key, so a shard loaded twice would double its rows; "
                "say with replaces=... in Spool.write which rows go first"
            )
        with self.warehouse.transaction():
            if replaces is not None:
                rows = self.warehouse.replace(table, frame, where=replaces)
            else:
                rows = self.warehouse.upsert(table, frame)
            self.warehouse.execute("record_shard", rows=rows, **{name: shard[name] for name in NAMED})
        path.unlink()
        return rows

    def recover(self) -> int:
        """Load what a killed run wrote but did not load, drop what it half wrote; returns the shards loaded.

        Call it when a run starts, before any task writes.
        """
        for draft in self.folder.glob("*.tmp"):
            draft.unlink()
        whole = sorted(self.folder.glob("*.parquet"))
        for path in whole:
            self.commit(path)
        return len(whole)

    def done(self, stage: str, fit: str) -> dict[str, str]:
        """The whole shards of a stage and fit: shard key to fingerprint."""
        frame = self.warehouse.query("done_shards", stage=stage, fit=fit)
        return dict(zip(frame["shard_key"], frame["fingerprint"], strict=True))

    @staticmethod
    def _read(path: Path) -> tuple[dict[str, Any], pl.DataFrame]:
        try:
            return json.loads(pl.read_parquet_metadata(path)[METADATA]), pl.read_parquet(path)
        except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
            raise WarehouseError(
                f"{path} is not a shard of this spool: {error!r}; delete it and run again: "
                "its rows are made anew"
            ) from error
