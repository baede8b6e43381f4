"""Fitted matchers in a folder, with a manifest by which a reader sees that they belong together."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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


def forget_users(folder: Path) -> list[str]:
    """Take out of saved matchers what they hold of users; returns names of those that still serve visitors.

    The others go, and so does a folder that is not whole.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        clear(folder)
        return []
    matchers = load_matchers(folder, (name for name in manifest.matchers if (folder / name).exists()))
    kept = [name for name, matcher in matchers.items() if matcher.forget_users()]
    for name in kept:
        matchers[name].save(folder / name)
    write_manifest(folder, replace(manifest, matchers=kept))
    for path in folder.iterdir():
        if path.is_dir() and path.name not in kept:
            shutil.rmtree(path)
    return kept
