"""Matchers that older versions saved beside the warehouse, brought into today's form without a new fit."""

import json
from pathlib import Path
from typing import Any

MIGRATION = "m016_words"  # of the tables, which gives the same names to what they hold
OLD_FORMAT, FORMAT = 2, 3  # those of tasks/matching/base.py before and after it
MATCHERS = {"rarity": "inverse_popularity"}
PARAMETERS = {
    "nearness": "temporal_co_occurrence",
    "near_half_life_items": "co_occurrence_half_life_items",
    "content": "side_information_weight",
}
EASE = ("ease", "ease_plain")


def convert_saved_matchers(folder: Path) -> None:
    """Convert the matchers below a warehouse's folder; done again, it changes nothing.

    Each file is replaced whole: a description after its arrays, a manifest after the matchers that it names.
    Matchers without a manifest are no whole fit and stay as they are, and so do those of any other format.
    """
    for manifest in (folder / "matchers").glob("*/fit.json"):
        values = _read(manifest)
        for old, new in MATCHERS.items():
            if (manifest.parent / old).is_dir():
                (manifest.parent / old).rename(manifest.parent / new)
        for description in manifest.parent.glob("*/model.json"):
            _convert(description, len(values["item_ids"]))
        names = [MATCHERS.get(name, name) for name in values["matchers"]]
        if names != values["matchers"]:
            _write(manifest, {**values, "matchers": names})


def _convert(file: Path, n_items: int) -> None:
    """Convert one matcher, given the file that describes it; `n_items` are those of its fit."""
    described = _read(file)
    if described["format"] != OLD_FORMAT:
        return
    import numpy as np
    from safetensors.numpy import load_file, save_file

    name: str = described["name"]
    name = MATCHERS.get(name, name)
    parameters = described["parameters"]
    if name in EASE:
        parameters = {PARAMETERS.get(key, key): value for key, value in parameters.items()}
    if name.startswith("cosine_"):
        parameters.pop("reduction", None)  # the name says it
    path = file.with_name("model.safetensors")
    arrays = load_file(path)
    if "history_start" in arrays and "n_items" not in arrays:
        draft = path.with_suffix(".tmp")
        save_file({**arrays, "n_items": np.array([n_items])}, draft)
        draft.replace(path)
    _write(file, {"format": FORMAT, "name": name, "parameters": parameters})


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


def _write(file: Path, values: dict[str, Any]) -> None:
    draft = file.with_suffix(".tmp")
    draft.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    draft.replace(file)
