"""One run of benchmarks/quality.py: peers are tuned, all are fitted, judged and compared."""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna
from rich.console import Console

from benchmarks.output import show
from benchmarks.pipeline import machine
from benchmarks.quality_choices import DATASETS, PEERS, Peer
from benchmarks.quality_data import Bench, DataError, read_bench, record_look, settings_for
from benchmarks.quality_ours import (
    DIVERSE,
    FUSION,
    Fusion,
    Scored,
    best_of,
    by_part,
    fuse,
    parameters_of,
    score_matchers,
    weights_of,
)
from benchmarks.quality_peers import Answer, Bout, Budget, Tuned, together
from benchmarks.quality_process import PeerFailed, Process, write_part
from benchmarks.quality_report import OF_RELATION, Line, comparison_rows, ratios, result_rows, tables
from tasks.settings import load_settings
from tasks.studies.window import Window
from warehouse.errors import PolyrecError

OURS = "polyrec"
PEERS_TOGETHER = "peers"
WIDTH = 170


def measure_and_show(given: argparse.Namespace) -> int:
    """Measure what was asked for, print tables, and write the figures with --json; returns an exit code."""
    # The tables are wide: a file or a pipe gets them whole.
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    peers = [peer for peer in PEERS if peer.name in given.peers]
    try:
        settings = settings_for(given.dataset, given.protocol, given.config, given.files, given.home)
        bench = read_bench(settings, is_own=given.home is None)
        cache = load_settings(given.config).data_folder / "quality" / "tuned"
        values = run(
            bench,
            peers,
            Budget(given.trials, given.budget_minutes / len(peers)),
            cache / f"{given.dataset}-{given.protocol}-{bench.split_hash}.json",
            not given.validation_only,
            console,
        )
    except (DataError, PolyrecError, PeerFailed) as error:
        print(error, file=sys.stderr)
        return 1
    show(values, tables(values), given.json, console)
    return 0


def run(
    bench: Bench, peers: Sequence[Peer], budget: Budget, cache: Path, final: bool, console: Console
) -> dict[str, Any]:
    """Tune, evaluate and compare.

    Args:
        bench: the data.
        peers: at least one.
        budget: of each of them.
        cache: where what the searches found is kept, by split.
        final: whether to look at test.
        console: shows what is going on.
    """
    settings = bench.settings
    k, resamples, seed = settings.evaluation.k, settings.evaluation.resamples, settings.seed
    windows = {"validation": bench.validation, **({"test": bench.test} if final else {})}
    with tempfile.TemporaryDirectory(prefix="polyrec-peers-") as temporary:
        answers, tuned = _peers(Path(temporary), windows, peers, budget, cache, seed, console)
    theirs = {part: together(answers[part], window) for part, window in windows.items()}
    ours = {part: _ours(part, window, console) for part, window in windows.items()}
    our_fusion = _fused(bench, ours, final, f"{OURS} {FUSION}", console)
    peers_fusion = _fused(bench, theirs, final, f"{PEERS_TOGETHER} {FUSION}", console)
    matchers = {name: Line(OURS, name, parts) for name, parts in by_part(list(ours.items())).items()}
    by_name = {peer.name: peer for peer in peers}
    single = {
        name: Line(by_name[name].system, by_name[name].model, parts)
        for name, parts in by_part(list(theirs.items())).items()
    }
    best_peer = single[best_of({name: line.parts for name, line in single.items()}, k)]
    best_matcher = matchers[best_of({name: line.parts for name, line in matchers.items()}, k)]
    fusion, diverse = Line(OURS, FUSION, our_fusion.parts), Line(OURS, DIVERSE, our_fusion.diverse)
    of_peers = Line(PEERS_TOGETHER, FUSION, peers_fusion.parts)
    lines = [fusion, diverse, *matchers.values(), of_peers, *single.values()]
    pairs = [
        *((fusion, best_peer), (fusion, of_peers), (best_matcher, best_peer)),
        *((fusion, best_matcher), (diverse, best_matcher)),
    ]
    looks = record_look(bench) if final else None
    return {
        "dataset": _dataset(settings.data.source, bench),
        "protocol": settings.data.protocol,
        "split_hash": bench.split_hash,
        "k": k,
        "seed": seed,
        "users": {part: len(window.users) for part, window in windows.items()},
        "budget": {**asdict(budget), "peers": len(peers), "fusion_trials": settings.fusion.trials},
        "results": result_rows(lines, k, resamples, seed),
        "comparisons": comparison_rows(pairs, k, resamples, seed),
        "best_peer": best_peer.name,
        "best_matcher": best_matcher.name,
        "ratio_to_best_peer": ratios(fusion, best_peer, k),
        "to_best_matcher": {
            line.model: {name: ratios(line, best_matcher, k, name) for name in OF_RELATION}
            for line in (fusion, diverse)
        },
        "settings": _settings(bench, tuned, our_fusion, peers_fusion),
        "test_looks": looks,
        "notes": _notes(bench, looks),
        "machine": machine(),
    }


def _ours(part: str, window: Window, console: Console) -> Scored:
    with console.status(f"our matchers, {part}") as status:
        return score_matchers(window, lambda name: status.update(f"{name}, {part}"))


def _peers(
    folder: Path,
    windows: Mapping[str, Any],
    peers: Sequence[Peer],
    budget: Budget,
    cache: Path,
    seed: int,
    console: Console,
) -> tuple[dict[str, dict[str, Answer]], dict[str, Tuned]]:
    """Part to peer to its answer, and what each peer's search found."""
    for part, window in windows.items():
        write_part(folder / part, window, seed)
    answers: dict[str, dict[str, Answer]] = {part: {} for part in windows}
    tuned: dict[str, Tuned] = {}
    for peer in peers:
        with (
            console.status(f"{peer.name}: starting") as status,
            Process(peer, folder / f"{peer.name}.log") as process,
        ):
            bout = Bout(process, folder, windows, seed)
            tried: list[float] = []

            def on_trial(name: str, value: float, tried: list[float] = tried, status: Any = status) -> None:
                tried.append(value)
                status.update(f"{name}: {len(tried)} trials, NDCG at best {max(tried):.4f}")

            tuned[peer.name] = bout.tune(budget, cache, on_trial)
            for part in windows:
                status.update(f"{peer.name}: {part}")
                answers[part][peer.name] = bout.answer(part, tuned[peer.name])
        found = tuned[peer.name]
        console.print(
            f"{peer.name} ({found.package}): {found.trials} trials, {found.failed} failed, "
            f"{found.seconds:.0f} s"
        )
    return answers, tuned


def _fused(bench: Bench, scored: Mapping[str, Scored], final: bool, name: str, console: Console) -> Fusion:
    """Search the weights over what some models scored."""
    done = [0]
    with console.status(f"{name}: weights") as status:

        def on_trial() -> None:
            done[0] += 1
            status.update(f"{name}: {done[0]} trials of weights")

        test = bench.test if final else None
        return fuse(bench.validation, scored["validation"], test, scored.get("test"), on_trial)


def _settings(
    bench: Bench, tuned: Mapping[str, Tuned], our_fusion: Fusion, peers_fusion: Fusion
) -> dict[str, dict[str, Any]]:
    """What every figure was made with."""
    out: dict[str, dict[str, Any]] = {}
    for name, found in tuned.items():
        searched = {"trials": found.trials, "failed": found.failed, "seconds": round(found.seconds, 1)}
        out[name] = {**found.chosen["all"], "package": found.package, **searched}
    for name, parameters in parameters_of(bench.validation).items():
        out[f"{OURS} {name}"] = parameters
    out[f"{OURS} {FUSION}"] = weights_of(our_fusion)
    out[f"{PEERS_TOGETHER} {FUSION}"] = weights_of(peers_fusion)
    return out


def _notes(bench: Bench, looks: int | None) -> list[str]:
    """What a reader must know."""
    notes = [
        *bench.notes,
        "Polyrec's matchers have the parameters of the settings, chosen on validation before; those of the "
        "peers were searched in this run or one like it.",
        "In the fusion of peers, an item that a peer did not return for a user counts as the lowest score "
        "that it returned there.",
    ]
    if looks is None:
        return [*notes, "Test was not looked at."]
    return [*notes, f"Looks at test of this split that the home knows of: {looks}."]


def _dataset(source: str, bench: Bench) -> str:
    """The name that the data set was asked for by."""
    if source != "files":
        return source
    files = {name: load_settings(path).data.items for name, path in DATASETS.items() if path}
    return next(name for name, items in files.items() if items == bench.settings.data.items)
