"""What benchmarks/cold_items.py reads: ways of describing items, which no draw changes, and the draws."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.arrays.codes import codes, text_tensor
from tasks.arrays.types import Vectors
from tasks.corpus.controls import shuffled_texts, template_texts
from tasks.corpus.versions import shown, with_versions
from tasks.embedding.variants import content_vectors, text_vectors
from tasks.evaluation.truth import read_truth
from tasks.ingest.splits import split_interactions
from tasks.matching.data import Fit, read_fit
from tasks.metrics.evaluator import Truth
from tasks.metrics.groups import terciles_among
from tasks.models.encoder import DIMENSIONS, load_encoder
from tasks.run.fingerprint import fingerprint
from tasks.settings import Settings
from warehouse.columns import (
    ANGLE,
    CONTENT,
    ITEM,
    SLOT,
    TEST,
    TEXT_ID,
    USER,
    VECTOR,
)
from warehouse.connection import Warehouse
from warehouse.errors import PolyrecError

FIT = "train_validation"
TITLES = {
    "texts": "texts",
    "template": "template texts",
    "shuffled": "texts shuffled among items",
    "content": "all content, no texts",
    "control": "title + categories",
}


@dataclass(frozen=True)
class Description:
    """One way of describing items."""

    texts: Vectors
    """(N, K, D) of unit length."""
    items: Vectors
    """(N, D) of unit length."""


@dataclass(frozen=True)
class Inputs:
    """What no draw changes."""

    items: pl.DataFrame
    descriptions: dict[str, Description]
    n_recommendable: int
    """Items that lists may hold."""
    with_texts: int
    """Of these."""
    popularity: NDArray[np.int64]
    """(N,) third of these, by how many users have them in the whole log; -1 for the others."""


@dataclass(frozen=True)
class Draw:
    """One draw's window and truth."""

    draw: int
    split_hash: str
    fit: Fit
    truth: Truth
    judged: NDArray[np.int64]
    """(V,) user codes, the rows of the truth."""


def dataset_of(warehouse: Warehouse) -> str:
    """The source of the last ingest."""
    runs = warehouse.query("last_runs").filter(pl.col("stage") == "ingest")
    if runs.is_empty():
        raise PolyrecError("nothing was ingested yet; run `polyrec run` there first")
    return str(json.loads(runs["settings"][0])["data"]["source"])


def read_inputs(warehouse: Warehouse, settings: Settings, controls: bool) -> Inputs:
    """Items, and every way of describing them."""
    items = warehouse.query("items")
    kept = settings.data_folder / "benchmarks"
    words = settings.embedding.description_words
    bare = not (items["description"].is_not_null().any() or items["content"].is_not_null().any())
    own = _own_vectors(warehouse, items, words, kept)
    plain = own if bare else _kept(kept, "control", items, lambda: content_vectors(items, 0, _encode)[:, 0])
    texts = shown(with_versions(warehouse.query("texts_of_all_versions")).filter("live"))
    vectors = warehouse.query("live_text_vectors")
    known = dict(zip(vectors[TEXT_ID], vectors[VECTOR].to_numpy(), strict=True))

    def described(key: str, some: pl.DataFrame, known: dict[str, Vectors]) -> Description:
        made = _kept(kept, key, items, lambda: text_vectors(some, items, words, _encode, known), some, words)
        return Description(np.where(made.any(axis=2, keepdims=True), made, plain[:, None]), own)

    found: dict[str, Description] = {}
    if texts.height and texts[TEXT_ID].is_in(vectors[TEXT_ID].implode()).all():
        tensor = text_tensor(vectors, items[ITEM].to_list())
        found = {
            "texts": Description(np.where(tensor.any(axis=2, keepdims=True), tensor, plain[:, None]), own)
        }
    elif texts.height:
        found = {"texts": described("texts", texts, known)}
    if controls and texts.height:
        angles = dict(texts.select(SLOT, ANGLE).unique(SLOT, keep="first").sort(SLOT).iter_rows())
        of_items = items.filter(pl.col(ITEM).is_in(texts[ITEM].implode()))
        template = template_texts(of_items, angles, settings.corpus.noun)
        found["template"] = described("template", template, {})
        if texts[ITEM].n_unique() > 1:
            found["shuffled"] = described("shuffled", shuffled_texts(texts, settings.seed), {})
    if not bare:
        found["content"] = Description(own[:, None], own)
    found["control"] = Description(plain[:, None], plain)
    log = warehouse.query("interactions").select(USER, ITEM).unique()
    counts = np.bincount(codes(log[ITEM], items[ITEM].to_list()), minlength=items.height)
    may_be_listed = warehouse.query("items_to_recommend")[ITEM]
    listed = items[ITEM].is_in(may_be_listed.implode()).to_numpy()
    with_texts = texts.filter(pl.col(ITEM).is_in(may_be_listed.implode()))[ITEM].n_unique()
    return Inputs(
        items, found, len(may_be_listed), with_texts, terciles_among(counts.astype(np.float64), listed)
    )


def _own_vectors(warehouse: Warehouse, items: pl.DataFrame, words: int, kept: Path) -> Vectors:
    """(N, D): what the home has of items' own content, or all of it encoded."""
    rows = warehouse.query("item_vectors")
    if rows.height == items.height:
        by_code = np.zeros((items.height, DIMENSIONS), dtype=np.float32)
        by_code[codes(rows[ITEM], items[ITEM].to_list())] = rows[VECTOR].to_numpy()
        return by_code
    return _kept(kept, "items", items, lambda: content_vectors(items, words, _encode)[:, 0], words)


def _kept(
    folder: Path, key: str, items: pl.DataFrame, make: Callable[[], Vectors], *parts: object
) -> Vectors:
    """Vectors that were made before for the same content, else made now: encoding takes minutes."""
    file = folder / f"cold-{key}-{fingerprint(items.select(ITEM, *CONTENT), *parts)}.npy"
    if file.exists():
        return np.load(file)
    vectors = make()
    folder.mkdir(parents=True, exist_ok=True)
    np.save(file, vectors)
    return vectors


def _encode(texts: Sequence[str]) -> Vectors:
    return load_encoder().encode(texts) if texts else np.zeros((0, DIMENSIONS), dtype=np.float32)


def cut(warehouse: Warehouse, settings: Settings, draw: int) -> Draw:
    """Cut the split of a draw and read what goes with it."""
    data = settings.data.model_copy(update={"protocol": "cold_item", "draw": draw})
    settings = settings.model_copy(update={"data": data})
    split_hash = split_interactions(warehouse, data, settings.seed)
    truth, judged, _ = read_truth(warehouse, settings, TEST)
    fit = read_fit(warehouse, settings, FIT)
    return Draw(draw, split_hash, fit, truth, codes(pl.Series(USER, judged, dtype=pl.String), fit.user_ids))
