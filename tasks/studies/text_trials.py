"""`polyrec ablate texts` and `polyrec texts compare`: which variants, tried how, kept where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tasks.corpus.controls import shuffled_texts, template_texts
from tasks.corpus.versions import shown, texts_of_pass, texts_of_version, with_versions
from tasks.embedding.variants import content_vectors, text_vectors
from tasks.items.item import ENCODED_AS
from tasks.matching.registry import build
from tasks.models.encoder import DIMENSIONS, load_encoder
from tasks.run.progress import progress
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from tasks.studies.ablation import (
    FloatArray,
    Variant,
    Window,
    judge_variants,
    pair_row,
    split_of,
    variant_row,
    vectors_key,
)
from tasks.studies.trial_records import COLD, answer_of, keep
from warehouse.columns import ANGLE, ITEM, SLOT, TEST, TEXT_ID, VALIDATION, VECTOR
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError, SettingsError, WarehouseError
from warehouse.forgetting import exists

BASELINE = "title + categories"
LOOKER = "ablation of texts"  # who looked at test
ENCODED_AT_ONCE = 256


@dataclass(frozen=True)
class Inputs:
    """What is read of the warehouse."""

    items: pl.DataFrame
    texts: pl.DataFrame
    """Of all versions, from `with_versions`."""
    known: dict[str, FloatArray]
    """text_id to vector, of live texts."""
    split_hash: str
    validation: Window
    test: Window | None


def ablate_texts(settings: Settings, final: bool) -> dict[str, Any]:
    """Judge fusion with parts of the live texts, and with controls in their place.

    Args:
        settings: of the run.
        final: look at test, too; the look is recorded.
    """
    inputs = _read(settings, "polyrec ablate texts", final)
    if not inputs.texts["live"].any():
        raise PolyrecError(
            "no item has a live text, so that nothing can be left out; write some: polyrec run"
        )
    variants, missing = _ablation(inputs, settings)
    answer = _try(settings, inputs, "ablation of texts", variants)
    answer["variants"] += missing
    return answer


def compare_texts(settings: Settings, a: str, b: str) -> dict[str, Any]:
    """Judge fusion with two versions of texts, beside `title + categories`; how far b is above a.

    Args:
        settings: of the run.
        a: name of a version.
        b: name of another.
    """
    if a == b:
        raise PolyrecError(f"A and B are both {a!r}; name two versions")
    inputs = _read(settings, "polyrec texts compare", final=False, versions=(a, b))
    found = [(name, texts_of_version(inputs.texts, name)) for name in (a, b)]
    variants = [_baseline(inputs)]
    variants += [Variant(name, "texts", _vectors(inputs, settings, texts)) for name, texts in found]
    answer = _try(settings, inputs, f"{a} beside {b}", variants)
    for name, texts in found:
        answer["notes"].append(f"{name}: {texts.height:,} texts of {texts[ITEM].n_unique():,} items")
    return answer


def _read(settings: Settings, purpose: str, final: bool, versions: Sequence[str] = ()) -> Inputs:
    """Read all that is needed, then let the warehouse go; unknown names of versions are refused first."""
    if not exists(settings.data_folder):
        raise WarehouseError(f"no texts are written yet in {settings.data_folder}; run `polyrec run`")
    names = settings.matching.matchers
    if not any(build(name, settings.matching).reads_texts for name in names):
        raise SettingsError(
            f"[matching] matchers is {', '.join(names)}, none of which reads texts; add cosine_max"
        )
    with writing(settings.data_folder, purpose, settings.lock_timeout_s) as warehouse:
        split_hash = split_of(warehouse, settings)
        texts = with_versions(warehouse.query("texts_of_all_versions"))
        for name in versions:
            texts_of_version(texts, name)
        return Inputs(
            items=warehouse.query("items"),
            texts=texts,
            known=_known_vectors(warehouse, settings),
            split_hash=split_hash,
            validation=Window.read(warehouse, settings, VALIDATION),
            test=Window.read(warehouse, settings, TEST) if final else None,
        )


def _known_vectors(warehouse: Warehouse, settings: Settings) -> dict[str, FloatArray]:
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
    template = template_texts(inputs.items, angles, settings.corpus.noun)
    variants = [Variant("no matcher of texts", "control", None), _baseline(inputs)]
    if inputs.items["description"].is_not_null().any() or inputs.items["content"].is_not_null().any():
        whole = content_vectors(inputs.items, settings.embedding.description_words, _encode)
        variants.append(Variant("all content of items", "control", whole))
    variants.append(Variant("template texts", "control", _vectors(inputs, settings, template)))
    if live[ITEM].n_unique() > 1:
        foreign = shuffled_texts(live, settings.seed)
        variants.append(Variant("texts shuffled among items", "control", _vectors(inputs, settings, foreign)))
    for n in range(1, len(slots) + 1):
        some = live.filter(pl.col(SLOT).is_in(slots[:n]))
        name = f"{n} slot{'s' if n > 1 else ''}: {', '.join(names[:n])}"
        variants.append(Variant(name, "texts", _vectors(inputs, settings, some)))
    for slot, angle in list(angles.items())[1:]:
        some = live.filter(pl.col(SLOT) == slot)
        variants.append(Variant(f"1 slot: {angle}", "texts", _vectors(inputs, settings, some)))
    missing = []
    for number in (1, 2):
        texts = texts_of_pass(inputs.texts, number)
        name = f"pass {number}, {len(slots)} slot{'s' if len(slots) > 1 else ''}"
        if texts.is_empty():
            missing.append({"name": name, "kind": "texts", "missing": f"no text of pass {number} is live"})
        else:
            variants.append(Variant(name, "texts", _vectors(inputs, settings, texts)))
    return variants, missing


def _baseline(inputs: Inputs) -> Variant:
    return Variant(BASELINE, "control", content_vectors(inputs.items, 0, _encode))


def _vectors(inputs: Inputs, settings: Settings, texts: pl.DataFrame) -> FloatArray:
    words = settings.embedding.description_words
    return text_vectors(texts, inputs.items, words, _encode, inputs.known)


def _encode(texts: Sequence[str]) -> FloatArray:
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


def _try(settings: Settings, inputs: Inputs, title: str, variants: Sequence[Variant]) -> dict[str, Any]:
    """Judge variants, keep each as a run of MLflow, draw the plot; returns what is printed."""
    tracking = Tracking(settings, {"split_hash": inputs.split_hash})
    final = inputs.test is not None
    with tracking.run("evaluation", title) as parent:
        if final:
            _record_look(settings, inputs.split_hash, parent)
        searches = len({vectors_key(variant) for variant in variants}) * (3 if final else 2)
        with progress("searching fusion weights", searches * settings.fusion.trials, "trials") as advance:
            judged = judge_variants(
                variants, inputs.validation, inputs.test, lambda _half, _trial: advance(1)
            )
        (baseline,) = [one for one in judged if one.variant.name == BASELINE]
        parts = [one.parts for one in judged]
        rows = [variant_row(one, baseline, settings) for one in judged]
        answer = answer_of(settings, title, inputs.split_hash, rows, parts)
        answer["notes"] = _notes(settings, final)
        if len(judged) == 3:
            answer["pair"] = pair_row(judged[1], judged[2], settings)
        keep(tracking, parent, answer, parts, settings, "texts")
    return answer


def _record_look(settings: Settings, split_hash: str, run_id: str) -> None:
    with writing(settings.data_folder, "polyrec ablate texts --test", settings.lock_timeout_s) as warehouse:
        warehouse.execute("record_test_look", split_hash=split_hash, fusion_id=LOOKER, mlflow_run_id=run_id)


def _notes(settings: Settings, final: bool) -> list[str]:
    """What a reader must know of the protocol."""
    if settings.data.protocol != COLD:
        return []
    if final:
        return [f"Test holds cold items only (draw {settings.data.draw}); validation has none."]
    return ["Validation has no cold items under cold_item: they are judged on test, with --test."]
