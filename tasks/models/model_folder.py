"""A language model in a folder of the user's, as `save_pretrained` of transformers writes it."""

import json
from functools import cache
from hashlib import file_digest
from pathlib import Path

from warehouse.errors import PolyrecError

WEIGHTS = "model.safetensors"
SHARDS = "model.safetensors.index.json"  # of weights that are in several files
START, END = "<|im_start|>", "<|im_end|>"


def refusal(folder: Path, why: str, advice: str) -> PolyrecError:
    """Return the error that says why a folder cannot be used."""
    return PolyrecError(f"transformers_model in [corpus] is {folder}, {why}; {advice}")


def model_files(folder: Path) -> list[Path]:
    """Return the files that a model is made of: what it is, its tokenizer, its weights.

    Raises:
        PolyrecError: the folder or one of them is missing.
    """
    advice = (
        f"save a model and its tokenizer there with save_pretrained: config.json, tokenizer.json, {WEIGHTS}"
    )
    if not folder.is_dir():
        raise refusal(folder, "which is no folder", advice)
    names = ["config.json", "tokenizer.json"]
    if (folder / SHARDS).is_file():
        try:
            shards = json.loads((folder / SHARDS).read_text(encoding="utf-8"))["weight_map"].values()
        except (ValueError, KeyError, AttributeError):
            raise refusal(folder, f"whose {SHARDS} cannot be read", advice) from None
        names += [SHARDS, *sorted(set(shards))]
    else:
        names.append(WEIGHTS)
    files = [folder / name for name in names]
    for file in files:
        if not file.is_file():
            raise refusal(folder, f"which has no {file.name}", advice)
    return files


def model_digest(folder: Path) -> str:
    """Return a hash of the bytes of a model's files, which are read once a process unless they change.

    Raises:
        PolyrecError: one of them is missing.
    """
    files = model_files(folder)
    return _digest(tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@cache
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    hashes = []
    for path, _, _ in files:
        with path.open("rb") as file:
            hashes.append(file_digest(file, "blake2b").hexdigest()[:32])
    return " ".join(hashes)
