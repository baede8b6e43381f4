"""How fast the exact best items over all texts are found: `python benchmarks/matching.py`.

By turns in one process, with all processors: ours (`tasks.matching.blocked`), and faiss's IndexFlatIP, which
is asked for 4 x 100 texts a user, grouped by item. Both get the same float32 vectors; a user's items are
compared with a product of everything. The figures are for `sentences`, vectors made from real ones with their
directions and lengths; those for `isotropic` noise, which nothing can be told of beforehand, stand beside
(benchmarks/matching_data.py says how both are made).

- vs_faiss_flat: faiss's seconds over ours for 20,000 users, preparation included; searching is measured on
  --users of them, the median over rounds, and costs each the same (see exponent_users).
- vs_faiss_flat_isotropic: the same for isotropic vectors.
- exponent_users, exponent_items, exponent_slots: how the processor seconds of one worker grow when users,
  items or slots do: the slope over a quarter, a half and the whole, on a log scale.
- peak_rss_mb: the most memory of a process that makes the texts and searches them, for --users.
- peak_rss_doubled_users_mb: the same for twice the users.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.matching_data import ANGLES, Catalogue, real_vectors
from benchmarks.output import show
from benchmarks.pipeline import RunFailed, machine, measure
from tasks.matching.blocked import BlockedTexts
from tasks.matching.contract import FloatArray, IntArray

M = 100
FULL_USERS = 20_000
CHECKED = 20  # users whose lists are compared with a product of everything
TOLERANCE = 1e-6
KINDS = ("sentences", "isotropic")


def grouped(texts: IntArray, n_slots: int, m: int) -> IntArray:
    """Return (U, m): the first m different items of each row of texts, best first; -1 where there are fewer.

    Args:
        texts: (U, k) item * n_slots + slot, best first.
        n_slots: K.
        m: how many.
    """
    items = texts // n_slots
    order = np.argsort(items, axis=1, kind="stable")  # equal items: the best text first
    lined_up = np.take_along_axis(items, order, axis=1)
    first = np.ones(items.shape, dtype=bool)
    first[:, 1:] = lined_up[:, 1:] != lined_up[:, :-1]
    fresh = np.empty_like(first)
    np.put_along_axis(fresh, order, first, axis=1)
    place = np.cumsum(fresh, axis=1) - 1
    rows, columns = np.nonzero(fresh & (place < m))
    out = np.full((len(texts), m), -1, dtype=np.int64)
    out[rows, place[rows, columns]] = items[rows, columns]
    return out


def compare(catalogue: Catalogue, sizes: Mapping[str, int], rounds: int) -> dict[str, Any]:
    """Search by turns: seconds of preparing and searching, and whether what ours finds is right."""
    texts, users = catalogue.texts(sizes["items"], sizes["slots"]), catalogue.users(sizes["users"])
    prepared: dict[str, float] = {}
    start = time.perf_counter()
    ours = BlockedTexts(texts, users, M)
    prepared["ours"] = time.perf_counter() - start
    start = time.perf_counter()
    flat = faiss.IndexFlatIP(texts.shape[2])
    flat.add(texts.reshape(-1, texts.shape[2]))
    prepared["faiss"] = time.perf_counter() - start
    runs: dict[str, Callable[[], Any]] = {
        "ours": lambda: list(ours.blocks(users, M)),
        "faiss": lambda: grouped(flat.search(users, M * sizes["slots"])[1], sizes["slots"], M),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    processor: dict[str, list[float]] = {name: [] for name in runs}
    found: dict[str, Any] = {}
    for _ in range(rounds):
        for name, search in runs.items():
            start, cpu = time.perf_counter(), time.process_time()
            found[name] = search()
            seconds[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - cpu)
    items = np.concatenate([block.items for block in found["ours"]])
    return {
        "width": ours.width,
        "prepared": prepared,
        "seconds": seconds,
        "processor_seconds": processor,
        "largest_error": _largest_error(texts, users[:CHECKED], items[:CHECKED]),
        "faiss_lists_too_short": float(np.mean((found["faiss"] < 0).any(axis=1))),
    }


def growth(catalogue: Catalogue, sizes: Mapping[str, int], varied: str) -> list[tuple[int, float]]:
    """Return sizes of what is varied, and processor seconds of a search with it: the least of two.

    By one worker: how many find work depends on the number of users, and two take more processor time.
    """
    out = []
    for part in (4, 2, 1):
        now = {**sizes, varied: max(1, sizes[varied] // part)}
        texts, users = catalogue.texts(now["items"], now["slots"]), catalogue.users(now["users"])
        laid_out = BlockedTexts(texts, users, M)
        took = []
        for _ in range(2):
            cpu = time.process_time()
            for _block in laid_out.blocks(users, M, workers=1):
                pass
            took.append(time.process_time() - cpu)
        out.append((now[varied], min(took)))
    return out


def exponent(points: Sequence[Sequence[float]]) -> float:
    """Return the slope of seconds over sizes, both as logarithms.

    >>> round(exponent([(1, 3.0), (2, 6.0), (4, 12.0)]), 3)
    1.0
    """
    sizes, seconds = np.log(np.array(points, dtype=np.float64)).T
    return float(np.polyfit(sizes, seconds, 1)[0])


def ratio(compared: Mapping[str, Any], n_users: int) -> float:
    """Return faiss's seconds over ours for FULL_USERS users, preparation included."""
    took = {
        name: compared["prepared"][name] + statistics.median(seconds) / n_users * FULL_USERS
        for name, seconds in compared["seconds"].items()
    }
    return took["faiss"] / took["ours"]


def summary(measured: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Any]:
    """What is printed and written."""
    return {
        "ratios": {
            "vs_faiss_flat": round(ratio(measured["sentences"], sizes["users"]), 2),
            "vs_faiss_flat_isotropic": round(ratio(measured["isotropic"], sizes["users"]), 2),
            **{f"exponent_{name}": round(exponent(points), 2) for name, points in measured["growth"].items()},
            "peak_rss_mb": round(measured["peak_rss_mb"]),
            "peak_rss_doubled_users_mb": round(measured["peak_rss_doubled_users_mb"]),
        },
        "sizes": dict(sizes),
        "machine": {**machine(), "faiss": faiss.__version__},
        **measured,
    }


def tables(values: Mapping[str, Any]) -> list[Table]:
    """The summary for the terminal."""
    ratios = Table("ratio", box=box.SIMPLE_HEAD)
    ratios.add_column("value", justify="right")
    for name, value in values["ratios"].items():
        ratios.add_row(name, f"{value:g}")
    searches = Table("vectors", "search by", box=box.SIMPLE_HEAD)
    for name in ("prepared, s", "median, s", "rounds, s", "processor, s", "users/s"):
        searches.add_column(name, justify="right")
    for kind in KINDS:
        one = values[kind]
        for name, seconds in one["seconds"].items():
            median = statistics.median(seconds)
            searches.add_row(
                kind,
                f"ours, {one['width']} coordinates first" if name == "ours" else "faiss IndexFlatIP",
                f"{one['prepared'][name]:.2f}",
                f"{median:.2f}",
                ", ".join(f"{value:.2f}" for value in seconds),
                f"{statistics.median(one['processor_seconds'][name]):.2f}",
                f"{values['sizes']['users'] / median:.0f}",
            )
    lists = Table("vectors", "largest error of ours", "faiss lists with too few items", box=box.SIMPLE_HEAD)
    for kind in KINDS:
        one = values[kind]
        lists.add_row(kind, f"{one['largest_error']:.1e}", f"{one['faiss_lists_too_short']:.1%}")
    return [ratios, searches, lists]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print tables, and write the figures with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--users", type=int, default=1000, help="users searched for [default: 1000]")
    parser.add_argument("--items", type=int, default=100_000, help="items [default: 100000]")
    parser.add_argument("--slots", type=int, default=4, help="texts an item [default: 4]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured [default: 3]")
    parser.add_argument(
        "--vectors", type=Path, metavar="FILE", help="keep the films' vectors there [default: made anew]"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the vectors [default: 0]")
    parser.add_argument("--measure", nargs=3, metavar=("WHAT", "FROM", "TO"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    sizes = {"users": given.users, "items": given.items, "slots": given.slots}
    if min(*sizes.values(), given.rounds) < 1 or given.items < M:
        parser.error(f"all sizes must be at least 1, and --items at least {M}, got {sizes}")
    if given.measure:
        what, source, target = given.measure
        values = _measure(what, np.load(source), sizes, given.rounds, given.seed)
        Path(target).write_text(json.dumps(values), encoding="utf-8")
        return 0
    console = Console()
    with tempfile.TemporaryDirectory(prefix="polyrec-") as temporary:
        try:
            vectors = given.vectors or Path(temporary) / "films.npy"
            if not vectors.exists():
                with console.status("encoding films"):
                    np.save(vectors, real_vectors())
            measured = _measure_all(Path(temporary), vectors, sizes, given.rounds, given.seed, console)
        except RunFailed as error:
            print(error, file=sys.stderr)
            return 1
    values = summary(measured, sizes)
    show(values, tables(values), given.json, console)
    return 0


def _measure(what: str, real: FloatArray, sizes: Mapping[str, int], rounds: int, seed: int) -> Any:
    """Measure in this process, which is there for it alone."""
    if what in KINDS:
        return compare(Catalogue(what, real, seed), sizes, rounds)
    catalogue = Catalogue("sentences", real, seed)
    if what == "memory":
        texts, users = catalogue.texts(sizes["items"], sizes["slots"]), catalogue.users(sizes["users"])
        laid_out = BlockedTexts(texts, users, M)
        return sum(len(block.items) for block in laid_out.blocks(users, M))
    return growth(catalogue, sizes, what)


def _measure_all(
    folder: Path, vectors: Path, sizes: Mapping[str, int], rounds: int, seed: int, console: Console
) -> dict[str, Any]:
    """Measure everything, each in a fresh process."""

    def fresh(what: str, sizes: Mapping[str, int]) -> tuple[Any, float]:
        answer = folder / "answer.json"
        options = [f"--{name}={value}" for name, value in {**sizes, "rounds": rounds, "seed": seed}.items()]
        command = [sys.executable, "-m", "benchmarks.matching", *options]
        with console.status(f"{what}: {sizes}"):
            _, peak = measure(
                [*command, "--measure", what, str(vectors.resolve()), str(answer)],
                os.environ,
                folder / "log.txt",
            )
        return json.loads(answer.read_text(encoding="utf-8")), peak

    measured: dict[str, Any] = {kind: fresh(kind, sizes)[0] for kind in KINDS}
    measured["peak_rss_mb"] = fresh("memory", sizes)[1]
    measured["peak_rss_doubled_users_mb"] = fresh("memory", {**sizes, "users": 2 * sizes["users"]})[1]
    # What is not varied is smaller, so that nine catalogues do not take as long as all the rest.
    small = {**sizes, "users": max(1, sizes["users"] // 2), "items": max(M, sizes["items"] // 4)}
    measured["growth"] = {
        "users": fresh("users", {**small, "users": sizes["users"]})[0],
        "items": fresh("items", {**small, "items": sizes["items"]})[0],
        "slots": fresh("slots", {**small, "slots": len(ANGLES)})[0],
    }
    return measured


def _largest_error(texts: FloatArray, users: FloatArray, items: IntArray) -> float:
    """Return by how much any place of the lists (U, m) differs from the float32 ranking's."""
    worst = 0.0
    for user, row in zip(users, items, strict=True):
        scores = (texts @ user).max(axis=1)  # (N,)
        best = -np.partition(-scores, M - 1)[:M]
        if len(set(row.tolist())) != M:
            raise ValueError(f"{M} different items were wanted, got {row.tolist()}")
        worst = max(worst, float(np.abs(np.sort(scores[row]) - np.sort(best)).max()))
    if worst > TOLERANCE:
        raise ValueError(f"a list differs from the float32 ranking by {worst}, more than {TOLERANCE}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
