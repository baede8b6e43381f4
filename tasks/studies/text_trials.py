"""`polyrec ablate texts` and `polyrec texts compare`: which variants, tried how, kept where."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl

from tasks.arrays.types import Vectors
from tasks.corpus.controls import shuffled_texts, template_texts
from tasks.corpus.versions import shown, texts_of_pass, texts_of_version, with_versions
from tasks.embedding.variants import content_vectors, item_spread, text_vectors
from tasks.fusion.tuning import FINAL, Tuning
from tasks.items.item import ENCODED_AS
from tasks.matching.registry import build
from tasks.metrics.evaluator import Evaluation
from tasks.models.encoder import DIMENSIONS, load_encoder
from tasks.run.progress import progress
from tasks.settings import Settings
from tasks.studies.variants import COLD, Result, Study
from tasks.studies.window import Source, Window, reading
from warehouse.columns import ANGLE, ITEM, SLOT, TEST, TEXT_ID, VALIDATION, VECTOR
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError, SettingsError

BASELINE = "title + categories"
ABLATE = "polyrec ablate texts"
LOOKER = "ablation of texts"  # who looked at test
ENCODED_AT_ONCE = 256


@dataclass(frozen=True)
class Variant:
    """One way of describing items."""

    name: str
    kind: str
    """"texts" or "control"."""
    vectors: Vectors | None
    """(N, K, D), zero where there is no text; None: the matchers that read texts are left out."""

    @property
    def key(self) -> str:
        """The same for variants that describe items alike."""
        vectors = self.vectors
        return "" if vectors is None else f"{vectors.shape} {blake2b(vectors.tobytes()).hexdigest()}"


@dataclass(frozen=True)
class Inputs:
    """What is read of the warehouse."""

    items: pl.DataFrame
    texts: pl.DataFrame
    """Of all versions, from `with_versions`."""
    known: dict[str, Vectors]
    """text_id to vector, of live texts."""
    source: Source
    validation: Window
    test: Window | None


def ablate_texts(settings: Settings, test: bool) -> dict[str, Any]:
    """Compare fusion with parts of the live texts, and with controls in their place.

    With `test` it looks at test, too; the look is recorded.
    """
    inputs = _read(settings, ABLATE, test)
    if not inputs.texts["live"].any():
        raise PolyrecError(
            "no item has a live text, so that nothing can be left out; write some: polyrec run"
        )
    variants, missing = _ablation(inputs, settings)
    answer = _run(settings, inputs, "ablation of texts", variants)
    answer["variants"] += missing
    return answer


def compare_texts(settings: Settings, a: str, b: str) -> dict[str, Any]:
    """Compare fusion with two versions of texts, by name, beside `title + categories`."""
    if a == b:
        raise PolyrecError(f"A and B are both {a!r}; name two versions")
    inputs = _read(settings, "polyrec texts compare", test=False, versions=(a, b))
    found = [(name, texts_of_version(inputs.texts, name)) for name in (a, b)]
    variants = [_baseline(inputs)]
    variants += [Variant(name, "texts", _vectors(inputs, settings, texts)) for name, texts in found]
    answer = _run(settings, inputs, f"{a} beside {b}", variants, pair=True)
    for name, texts in found:
        answer["notes"].append(f"{name}: {texts.height:,} texts of {texts[ITEM].n_unique():,} items")
    return answer


def _read(settings: Settings, purpose: str, test: bool, versions: Sequence[str] = ()) -> Inputs:
    """Read all that is needed, then let the warehouse go; unknown names of versions are refused first."""
    names = settings.matching.matchers
    if not any(build(name, settings.matching).reads_texts for name in names):
        raise SettingsError(
            f"[matching] matchers is {', '.join(names)}, none of which reads texts; add cosine_max"
        )
    with reading(settings, purpose) as source:
        warehouse = source.warehouse
        texts = with_versions(warehouse.query("texts_of_all_versions"))
        for name in versions:
            texts_of_version(texts, name)
        return Inputs(
            items=warehouse.query("items"),
            texts=texts,
            known=_known_vectors(warehouse, settings),
            source=source,
            validation=Window.read(warehouse, source.settings, VALIDATION),
            test=Window.read(warehouse, source.settings, TEST) if test else None,
        )


def _known_vectors(warehouse: Warehouse, settings: Settings) -> dict[str, Vectors]:
    """Vectors of live texts, but for those that would be encoded again."""
    words = settings.embedding.description_words
    stale = warehouse.query("texts_without_vector", encoded_as=ENCODED_AS, words=words)[TEXT_ID]
    live = warehouse.query("live_text_vectors").filter(~pl.col(TEXT_ID).is_in(stale.implode()))
    return dict(zip(live[TEXT_ID], live[VECTOR].to_numpy(), strict=True))


def _ablation(inputs: Inputs, settings: Settings) -> tuple[list[Variant], list[dict[str, Any]]]:
    """The controls, 1 to K slots, each angle, each pass; and rows for what is not there."""
    live = shown(inputs.texts.filter("live"))
    angles = dict(live.select(SLOT, ANGLE).unique(SLOT, keep="first").sort(SLOT).iter_rows())
    slots, names = list(angles), list(angles.values())
    variants = [Variant("no matcher of texts", "control", None), _baseline(inputs)]

    def add(name: str, texts: pl.DataFrame, kind: str = "texts") -> None:
        variants.append(Variant(name, kind, _vectors(inputs, settings, texts)))

    if inputs.items["description"].is_not_null().any() or inputs.items["content"].is_not_null().any():
        whole = content_vectors(inputs.items, settings.embedding.description_words, _encode)
        variants.append(Variant("all content of items", "control", whole))
    add("template texts", template_texts(inputs.items, angles, settings.corpus.noun), "control")
    if live[ITEM].n_unique() > 1:
        add("texts shuffled among items", shuffled_texts(live, settings.seed), "control")
    for n in range(1, len(slots) + 1):
        some = live.filter(pl.col(SLOT).is_in(slots[:n]))
        add(f"{n} slot{'s' if n > 1 else ''}: {', '.join(names[:n])}", some)
    for slot in slots[1:]:
        add(f"1 slot: {angles[slot]}", live.filter(pl.col(SLOT) == slot))
    missing = []
    for number in (1, 2):
        texts = texts_of_pass(inputs.texts, number)
        name = f"pass {number}, {len(slots)} slot{'s' if len(slots) > 1 else ''}"
        if texts.is_empty():
            missing.append({"name": name, "kind": "texts", "missing": f"no text of pass {number} is live"})
        else:
            add(name, texts)
    return variants, missing


def _baseline(inputs: Inputs) -> Variant:
    return Variant(BASELINE, "control", content_vectors(inputs.items, 0, _encode))


def _vectors(inputs: Inputs, settings: Settings, texts: pl.DataFrame) -> Vectors:
    return text_vectors(texts, inputs.items, settings.embedding.description_words, _encode, inputs.known)


def _encode(texts: Sequence[str]) -> Vectors:
    """Encode with the project's encoder, with a bar: thousands take minutes."""
    vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    if texts:
        encoder = load_encoder()
        with progress("encoding", len(texts), "texts") as advance:
            for start in range(0, len(texts), ENCODED_AT_ONCE):
                some = texts[start : start + ENCODED_AT_ONCE]
                vectors[start : start + len(some)] = encoder.encode(some)
                advance(len(some))
    return vectors


def _run(
    settings: Settings, inputs: Inputs, title: str, variants: Sequence[Variant], pair: bool = False
) -> dict[str, Any]:
    """Compare variants; the look at test is recorded before it is made."""

    def results_below(parent: str) -> list[Result]:
        if inputs.test is not None:
            with writing(settings.data_folder, ABLATE, settings.lock_timeout_s) as warehouse:
                look = {"split_hash": inputs.source.split_hash, "fusion_id": LOOKER, "mlflow_run_id": parent}
                warehouse.execute("record_test_look", **look)
        return _results(variants, inputs, settings)

    study = Study(title, "texts", BASELINE, settings, inputs.source)
    return study.run(results_below, _notes(settings, inputs.test is not None), pair)


def _results(variants: Sequence[Variant], inputs: Inputs, settings: Settings) -> list[Result]:
    """Each variant out of fold on validation and, frozen, on test; equal vectors are tried once."""
    validation, test = inputs.validation, inputs.test
    known: dict[str, tuple[Tuning, dict[str, Evaluation]]] = {}
    searches = len({variant.key for variant in variants}) * (2 if test is None else 3)
    with progress("searching fusion weights", searches * settings.fusion.trials, "trials") as advance:
        for variant in variants:
            if variant.key in known:
                continue
            candidates, context = validation.candidates(variant.vectors), validation.context(variant.vectors)
            publish = test is not None
            tuning = validation.search(candidates, context, publish, lambda _part, _trial: advance(1))
            parts = {"val": validation.evaluate(tuning.users, tuning.items)}
            if test is not None:
                candidates, context = test.candidates(variant.vectors), test.context(variant.vectors)
                parts["test"] = test.evaluate_model(candidates, context, tuning.models[FINAL])
            known[variant.key] = tuning, parts
    return [
        Result(
            variant.name,
            variant.kind,
            *known[variant.key],
            {"slots": 0 if variant.vectors is None else variant.vectors.shape[1]},
            np.zeros(0) if variant.vectors is None else item_spread(variant.vectors),
        )
        for variant in variants
    ]


def _notes(settings: Settings, test: bool) -> list[str]:
    """What a reader must know of the protocol."""
    if settings.data.protocol != COLD:
        return []
    if test:
        return [f"Test holds cold items only (draw {settings.data.draw}); validation has none."]
    return ["Validation has no cold items under cold_item: they are on test alone; ask with --test."]
