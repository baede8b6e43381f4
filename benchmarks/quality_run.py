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
from benchmarks.quality_choices import FILES, PEERS, Peer
from benchmarks.quality_data import Bench, DataError, read_bench, record_look, settings_for
from benchmarks.quality_home import ours_of_home
from benchmarks.quality_ours import (
    DIVERSE,
    FUSION,
    Fusion,
    Ours,
    Scored,
    best_of,
    by_part,
    fuse,
    parameters_of,
    score_matchers,
    weights_of,
)
from benchmarks.quality_peers import ONE_FIT_S, Answer, Bout, Budget, Tuned, together
from benchmarks.quality_process import PeerFailed, PeerTooSlow, Process, write_part
from benchmarks.quality_report import OF_RELATION, Line, comparison_rows, ratios, result_rows, tables
from tasks.settings import load_settings
from tasks.studies.window import Window
from warehouse.errors import PolyrecError

OURS = "polyrec"
PEERS_TOGETHER = "peers"
WIDTH = 170
DEFAULT_MINUTES = 60.0


def measure_and_show(given: argparse.Namespace) -> int:
    """Measure what was asked for, print tables, and write the figures with --json; returns an exit code."""
    # The tables are wide: a file or a pipe gets them whole.
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        settings = settings_for(given.dataset, given.protocol, given.config, given.files, given.home)
        bench = read_bench(settings, is_own=given.home is None and given.dataset != FILES)
        values = run(bench, given, console)
    except (DataError, PolyrecError, PeerFailed) as error:
        print(error, file=sys.stderr)
        return 1
    show(values, tables(values), given.json, console)
    return 0


def run(bench: Bench, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Tune, evaluate and compare what the command line asks for."""
    settings, final = bench.settings, not given.validation_only
    k, resamples, seed = settings.evaluation.k, settings.evaluation.resamples, settings.seed
    windows = {"validation": bench.validation, **({"test": bench.test} if final else {})}
    ours = ours_of_home(bench, final) if given.dataset == FILES else _ours_made_here(bench, windows, console)
    peers = [peer for peer in PEERS if peer.name in given.peers]
    minutes = given.budget_minutes or _minutes(ours)
    budget = Budget(given.trials, minutes / len(peers), min(minutes * 60, ONE_FIT_S))
    cache = load_settings(given.config).data_folder / "quality" / "tuned"
    cache /= f"{given.dataset}-{settings.data.protocol}-{bench.split_hash}.json"
    with tempfile.TemporaryDirectory(prefix="polyrec-peers-") as temporary:
        answers, tuned, failed = _peers(Path(temporary), windows, peers, budget, cache, seed, console)
    theirs = {part: together(answers[part], window) for part, window in windows.items()}
    name = f"{PEERS_TOGETHER} {FUSION}"
    peers_fusion = None if given.singles_only else _fused(bench, theirs, final, name, console)
    lines = _lines(ours, theirs, peers_fusion)
    fusion, diverse, best_matcher, best_peer = _compared(lines, k)
    pairs = [(fusion, best_peer), (best_matcher, best_peer), (fusion, best_matcher), (diverse, best_matcher)]
    pairs[1:1] = [(fusion, line) for line in lines if line.system == PEERS_TOGETHER]
    looks = record_look(bench) if final else None
    return {
        "dataset": given.dataset,
        "protocol": settings.data.protocol,
        "split_hash": bench.split_hash,
        "k": k,
        "seed": seed,
        "users": {part: len(window.users) for part, window in windows.items()},
        "budget": {
            **asdict(budget),
            "peers": len(peers),
            "fusion_trials": settings.fusion.trials,
            "ours_seconds": ours.seconds,
        },
        "results": result_rows(lines, k, resamples, seed),
        "comparisons": comparison_rows(pairs, k, resamples, seed),
        "best_peer": f"{best_peer.system}_{best_peer.model}",
        "best_matcher": best_matcher.name,
        "ratio_to_best_peer": ratios(fusion, best_peer, k),
        "to_best_matcher": {
            line.model: {name: ratios(line, best_matcher, k, name) for name in OF_RELATION}
            for line in (fusion, diverse)
        },
        "settings": _settings(ours, tuned, peers_fusion),
        "test_looks": looks,
        "notes": _notes(bench, ours, failed, peers_fusion is not None, looks),
        "machine": machine(),
    }


def _minutes(ours: Ours) -> float:
    """What the peers have together: as long as our own search took, where that is known; else an hour."""
    return sum(ours.seconds.values()) / 60 or DEFAULT_MINUTES


def _lines(ours: Ours, theirs: Mapping[str, Scored], peers_fusion: Fusion | None) -> list[Line]:
    """Every model that is judged, ours first."""
    of_peers = [] if peers_fusion is None else [Line(PEERS_TOGETHER, FUSION, peers_fusion.parts)]
    by_name = {peer.name: peer for peer in PEERS}
    return [
        Line(OURS, FUSION, ours.fusion),
        Line(OURS, DIVERSE, ours.diverse),
        *(Line(OURS, name, parts) for name, parts in ours.matchers.items()),
        *of_peers,
        *(
            Line(by_name[name].system, by_name[name].model, parts)
            for name, parts in by_part(list(theirs.items())).items()
        ),
    ]


def _compared(lines: Sequence[Line], k: int) -> tuple[Line, Line, Line, Line]:
    """Our fusion and its diverse point, our best single matcher and the best single peer of validation."""
    fusion, diverse, *others = (line for line in lines if line.system == OURS)
    singles = {line.name: line for line in lines if line.system not in (OURS, PEERS_TOGETHER)}
    matchers = {line.name: line for line in others}
    matcher, peer = (
        of_kind[best_of({name: line.parts for name, line in of_kind.items()}, k)]
        for of_kind in (matchers, singles)
    )
    return fusion, diverse, matcher, peer


def _ours_made_here(bench: Bench, windows: Mapping[str, Window], console: Console) -> Ours:
    """Fit the matchers of the settings and search the weights."""
    scored = {part: _ours(part, window, console) for part, window in windows.items()}
    fusion = _fused(bench, scored, "test" in windows, f"{OURS} {FUSION}", console)
    settings = {**parameters_of(bench.validation), FUSION: weights_of(fusion)}
    return Ours(fusion.parts, fusion.diverse, by_part(list(scored.items())), settings, {})


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
) -> tuple[dict[str, dict[str, Answer]], dict[str, Tuned], list[str]]:
    """Part to peer to its answer, what each peer's search found, and why there is none of some peers."""
    for part, window in windows.items():
        write_part(folder / part, window, seed)
    answers: dict[str, dict[str, Answer]] = {part: {} for part in windows}
    tuned: dict[str, Tuned] = {}
    failed: list[str] = []
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

            try:
                found = bout.tune(budget, cache, on_trial)
                of_parts = {part: bout.answer(part, found) for part in windows}
            except (PeerFailed, PeerTooSlow) as error:
                failed.append(f"{peer.name} is left out: {error}")
                console.print(failed[-1])
                continue
        tuned[peer.name] = found
        for part, answer in of_parts.items():
            answers[part][peer.name] = answer
        console.print(
            f"{peer.name} ({found.package}): {found.trials} trials, {found.failed} failed, "
            f"{found.seconds:.0f} s"
        )
    if not tuned:
        raise PeerFailed("; ".join(failed))
    return answers, tuned, failed


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
    ours: Ours, tuned: Mapping[str, Tuned], peers_fusion: Fusion | None
) -> dict[str, dict[str, Any]]:
    """What every figure was made with."""
    out: dict[str, dict[str, Any]] = {}
    for name, found in tuned.items():
        searched = {"trials": found.trials, "failed": found.failed, "seconds": round(found.seconds, 1)}
        out[name] = {**found.chosen["all"], "package": found.package, **searched}
    out |= {f"{OURS} {name}": parameters for name, parameters in ours.settings.items()}
    if peers_fusion is not None:
        out[f"{PEERS_TOGETHER} {FUSION}"] = weights_of(peers_fusion)
    return out


def _notes(bench: Bench, ours: Ours, failed: Sequence[str], fuses: bool, looks: int | None) -> list[str]:
    """What a reader must know."""
    notes = [*bench.notes, *failed]
    if ours.seconds:
        spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in ours.seconds.items())
        notes.append(
            f"What Polyrec found its settings and weights in: {spent}. Its lists are those of the run."
        )
    else:
        notes.append("Polyrec's matchers have the parameters of the settings, chosen on validation before.")
    notes.append("The parameters of the peers were searched in this run or one like it.")
    if fuses:
        notes.append(
            "In the fusion of peers, an item that a peer did not return for a user counts as the lowest "
            "score that it returned there."
        )
    if looks is None:
        return [*notes, "Test was not looked at."]
    return [*notes, f"Looks at test of this split that the home knows of: {looks}."]
