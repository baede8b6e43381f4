"""What benchmarks/quality.py judges on: a home with the data set, split by the protocol; its two parts."""

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from benchmarks.described import described
from benchmarks.quality_choices import DATASETS, FILES, PROTOCOLS
from tasks.embedding import steps as steps_of_vectors
from tasks.evaluation.truth import FIT_OF_PART, read_truth
from tasks.ingest import steps
from tasks.ingest.splits import split_interactions
from tasks.matching.data import read_fit
from tasks.run.stage import StageRun, stage_run
from tasks.settings import Settings, load_settings
from tasks.settings.data import Data, Protocol
from tasks.studies.window import Window
from warehouse.columns import TEST, VALIDATION
from warehouse.connection import DATABASE, Warehouse, writing

LOOKER = "benchmarks/quality.py"  # who looked at test


class DataError(RuntimeError):
    """Data that cannot be judged on; the message says what to do."""


@dataclass(frozen=True)
class Bench:
    """All that is judged on, in memory."""

    settings: Settings
    validation: Window
    test: Window
    split_hash: str
    notes: list[str]
    """What a reader must know of the data."""


def settings_for(
    dataset: str, protocol: str | None, config: Path | None, files: Path | None, home: Path | None
) -> Settings:
    """Settings of a file, or the project's own, with the data set, the protocol and the home put in.

    Args:
        dataset: one of DATASETS, or FILES: then the settings are taken as they are.
        protocol: one of PROTOCOLS; None: the first, and with FILES that of the settings.
        config: matchers, fusion and the like come from there.
        files: the folder of the data set's tables, where they are not beside its settings.
        home: None is a home of the benchmark's own below the settings' home.
    """
    ours = load_settings(config)
    if dataset == FILES:
        return _of_own_tables(ours)
    described = DATASETS[dataset]
    values: dict[str, Any] = {"home": home or ours.data_folder / "quality" / dataset}
    data = ours.data
    if described is None:
        data = data.model_copy(update={"source": dataset})
    else:
        theirs = load_settings(described)
        base = files or theirs.base
        wanted = (*theirs.data.items.files, *(name for also in theirs.data.items.also for name in also.files))
        for name in (*wanted, *theirs.data.interactions.files):
            if not (base / name).exists():
                raise DataError(
                    f"{dataset} needs {name}, which is not in {base}; "
                    "give the folder that holds its files with --files"
                )
        data = theirs.data.model_copy(update={"max_items": data.max_items, "max_users": data.max_users})
        values |= {"base": base, "catalogue": theirs.catalogue, "corpus": theirs.corpus}
    values["data"] = data.model_copy(update={"protocol": cast(Protocol, protocol or PROTOCOLS[0])})
    return ours.model_copy(update=values)


def _of_own_tables(settings: Settings) -> Settings:
    """The settings of somebody's own tables, where a run has been."""
    if settings.data.source != FILES:
        raise DataError(
            f"--dataset {FILES} judges the home of tables of your own, and the settings have source = "
            f"{settings.data.source!r}; give the polyrec.toml of such a home with --config"
        )
    if not (settings.data_folder / DATABASE).exists():
        raise DataError(f"nothing has run in {settings.home} yet; run the whole job there: polyrec run")
    return settings


def read_bench(settings: Settings, is_own: bool) -> Bench:
    """Ingest, split and encode what is missing, then read both parts and let the warehouse go.

    Args:
        settings: from `settings_for`.
        is_own: whether the home is the benchmark's own. Another one keeps its split: where that is by another
            protocol or seed, a copy of its database is split.
    """
    known = _known_data(settings)
    if known is not None and known["data"] != _data_of(settings):
        if not is_own:
            raise DataError(
                f"{settings.home} holds other data than asked for; give its settings with --config, "
                "or another --home"
            )
        for file in settings.data_folder.glob(f"{DATABASE}*"):
            file.unlink()
        known = None
    if known is None:
        with stage_run(settings, "ingest") as run:
            steps.load_core.fn(run)
            steps.split.fn(run)
        known = {"data": _data_of(settings), "split": _split_of(settings)}
    if known["split"] == _split_of(settings):
        with writing(settings.data_folder, LOOKER, settings.lock_timeout_s) as warehouse:
            return _read(warehouse, settings)
    with tempfile.TemporaryDirectory(prefix="polyrec-quality-") as temporary:
        copied = settings.model_copy(update={"home": Path(temporary)})
        copied.data_folder.mkdir(parents=True)
        for file in settings.data_folder.glob(f"{DATABASE}*"):
            shutil.copy(file, copied.data_folder)
        with writing(copied.data_folder, LOOKER) as warehouse:
            split_interactions(warehouse, settings.data, settings.seed)
            return replace(_read(warehouse, copied), settings=settings)


def record_look(bench: Bench) -> int:
    """Record in the home that test was looked at; returns how often it was."""
    settings = bench.settings
    with writing(settings.data_folder, LOOKER, settings.lock_timeout_s) as warehouse:
        warehouse.execute("record_test_look", split_hash=bench.split_hash, fusion_id=LOOKER, mlflow_run_id="")
        looks = warehouse.query("test_looks")
    return looks.filter(split_hash=bench.split_hash).height


def _known_data(settings: Settings) -> dict[str, Any] | None:
    """What the home was ingested from and split by; None where nothing was."""
    if not (settings.data_folder / DATABASE).exists():
        return None
    with writing(settings.data_folder, LOOKER, settings.lock_timeout_s) as warehouse:
        runs = warehouse.query("last_runs").filter(stage="ingest")
    if runs.is_empty():
        return None
    ran = json.loads(runs["settings"][0])
    # What an older version wrote lacks the settings that are new, which then had their defaults' meaning.
    then = settings.model_copy(update={"data": Data.model_validate(ran["data"]), "seed": ran["seed"]})
    return {"data": _data_of(then), "split": _split_of(then)}


def _data_of(settings: Settings) -> dict[str, Any]:
    """What of the settings decides which rows are loaded."""
    return settings.data.model_dump(
        mode="json", include={"source", "items", "interactions", "max_items", "max_users"}
    )


def _split_of(settings: Settings) -> dict[str, Any]:
    return {"protocol": settings.data.protocol, "seed": settings.seed}


def _read(warehouse: Warehouse, settings: Settings) -> Bench:
    """Both parts, as matching and evaluation read them; only interests are made here, per split."""
    encoding = StageRun("embedding", settings, warehouse, None)
    steps_of_vectors.encode.fn(encoding)
    has_texts = warehouse.query("live_text_vectors").height > 0
    notes = []
    if not has_texts:
        notes.append(
            "No texts in this home: matchers of texts read vectors of items' own content (title, categories, "
            "description) in their place."
        )
    return Bench(
        settings,
        _window(warehouse, settings, VALIDATION, has_texts),
        _window(warehouse, settings, TEST, has_texts),
        warehouse.query("split_parts")["split_hash"][0],
        notes,
    )


def _window(warehouse: Warehouse, settings: Settings, part: str, has_texts: bool) -> Window:
    truth, judged, _ = read_truth(warehouse, settings, part)
    fit = read_fit(warehouse, settings, FIT_OF_PART[part])
    items = fit.data.item_vectors
    texts = fit.data.text_vectors if has_texts else items[:, None]
    window = replace(fit, data=described(fit.data, items, texts, settings.embedding))
    return Window(window, truth, judged, settings)
