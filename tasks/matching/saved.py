"""Fitted matchers in a folder, with a manifest by which a reader sees that they belong together."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.matching.contract import Matcher
from tasks.matching.registry import load

MANIFEST = "fit.json"


@dataclass(frozen=True)
class Manifest:
    """What the matchers of a folder have in common: each has a folder of its own, called by its name."""

    fingerprint: str  # of all that they were fitted from
    matchers: Sequence[str]
    item_ids: list[str]  # what item codes stand for
    recommendable: NDArray[np.bool_]  # (N,) which items lists may hold


def clear(folder: Path) -> None:
    """Remove what an earlier fit left, the manifest first."""
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, last: a folder with one is whole."""
    values = vars(manifest) | {"kept_out": np.flatnonzero(~manifest.recommendable).tolist()}
    del values["recommendable"]
    draft = folder / f"{MANIFEST}.tmp"
    draft.write_text(json.dumps(values) + "\n", encoding="utf-8")
    draft.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest; None when there is none: nothing was saved, or saving was cut off."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    recommendable = np.ones(len(values["item_ids"]), dtype=bool)
    recommendable[values["kept_out"]] = False
    return Manifest(values["fingerprint"], values["matchers"], values["item_ids"], recommendable)


def load_matchers(folder: Path, names: Iterable[str]) -> dict[str, Matcher]:
    """Read matchers of a folder by name."""
    return {name: load(folder / name) for name in names}
