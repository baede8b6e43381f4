"""The draws of benchmarks/cold_items.py: matchers fitted and judged in each, figures pooled."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.cold_items_inputs import TITLES, Draw, Inputs, cut, dataset_of, read_inputs
from benchmarks.described import described
from tasks.arrays.types import Flags, Floats
from tasks.matching.contract import Matcher, UserBatch
from tasks.matching.registry import KINDS, build, known
from tasks.matching.retrieve import top_items
from tasks.metrics.evaluator import evaluate_lists
from tasks.metrics.groups import NAMES, POPULARITY, Grouping, group_values
from tasks.settings import Settings
from warehouse.connection import DATABASE, writing
from warehouse.errors import PolyrecError
from warehouse.forgetting import exists

LOOKER = "benchmark of cold items"
KNN = "content_knn"  # the control, over title + categories; cosine_max where it is not registered
LEARNED_MAP = "factor_map"
PERCENTILES = (2.5, 97.5)
Values = dict[tuple[str, str], dict[str, Floats]]
"""(matcher, way of describing) to metric to (U, draws) values, NaN where a draw does not judge a user."""


def measure(
    settings: Settings,
    draws: Iterable[int],
    dataset: str | None,
    matchers: Sequence[str] | None,
    controls: bool,
    console: Console,
) -> dict[str, Any]:
    """Judge all matchers in all draws.

    Args:
        settings: of the home; the protocol is replaced by cold_item.
        draws: which ones.
        dataset: refuse a home that holds another.
        matchers: names; every registered one when None.
        controls: whether template and shuffled texts are tried.
        console: for what is under way.
    """
    if not exists(settings.data_folder):
        raise PolyrecError(f"there is no data yet in {settings.data_folder}; run `polyrec run` there first")
    names = [known(name) for name in matchers or KINDS]
    with tempfile.TemporaryDirectory(prefix="polyrec-cold-") as folder:
        copy = Path(folder)
        with writing(settings.data_folder, LOOKER, settings.lock_timeout_s) as warehouse:
            found = dataset_of(warehouse)
            if dataset and dataset != found:
                raise PolyrecError(
                    f"{settings.data_folder} holds {found}, not {dataset}; name its home with --home"
                )
            inputs = read_inputs(warehouse, settings, controls)
            warehouse.run("checkpoint")
            shutil.copy(settings.data_folder / DATABASE, copy / DATABASE)
        trial = Trial(settings, inputs, names)
        rows = []
        for draw in draws:
            console.print(f"draw {draw}", style="dim")
            with writing(copy, LOOKER) as warehouse:
                now = cut(warehouse, settings, draw)
            with writing(settings.data_folder, LOOKER, settings.lock_timeout_s) as warehouse:
                warehouse.execute(
                    "record_test_look", split_hash=now.split_hash, fusion_id=LOOKER, mlflow_run_id="none"
                )
            trial.judge(now)
            rows.append(_size_of(draw, now))
    return {
        "dataset": found,
        "protocol": "cold_item",
        "seed": settings.seed,
        "k": settings.evaluation.k,
        "items": inputs.n_recommendable,
        "items_with_texts": inputs.with_texts,
        "draws": rows,
        **trial.summary(),
    }


def _size_of(number: int, draw: Draw) -> dict[str, Any]:
    """What a draw holds."""
    cold = draw.truth.recommendable
    assert cold is not None
    return {
        "draw": number,
        "split_hash": draw.split_hash,
        "cold_items": int(cold.sum()),
        "users": len(draw.judged),
        "events": int(draw.truth.relevant.nnz),
    }


class Trial:
    """Fits and judges, draw after draw."""

    def __init__(self, settings: Settings, inputs: Inputs, names: Sequence[str]) -> None:
        """Start with nothing judged.

        Args:
            settings: of the matchers: frozen.
            inputs: the ways of describing items.
            names: of the matchers; those that cannot tell cold items apart are left out after the first draw.
        """
        self.settings, self.inputs = settings, inputs
        self.names, self.left_out = list(names), dict[str, str]()
        self.knn = KNN if KNN in KINDS else "cosine_max"
        if self.knn not in self.names:
            self.names.append(self.knn)
        self.seconds: dict[tuple[str, str], float] = {}
        self._values: list[dict[tuple[str, str], dict[str, Floats]]] = []

    def judge(self, draw: Draw) -> None:
        """Add a draw."""
        of_draw: dict[tuple[str, str], dict[str, Floats]] = {}
        embedding = self.settings.embedding
        data = {
            key: described(draw.fit.data, one.items, one.texts, embedding)
            for key, one in self.inputs.descriptions.items()
        }
        for name in list(self.names):
            for key in data:
                matcher = build(name, self.settings.matching)
                if not matcher.reads_texts and key in ("template", "shuffled"):
                    continue  # it would be the same as with texts
                start = perf_counter()
                try:
                    matcher.fit(data[key])
                    lists = self._lists(matcher, draw)
                except (ValueError, PolyrecError) as problem:  # such as one that wants what this home lacks
                    lists, why = None, str(problem)
                else:
                    why = "it scores all cold items alike"
                seconds = perf_counter() - start
                if lists is None:
                    self.left_out[name] = why
                    self.names.remove(name)
                    of_draw = {row: found for row, found in of_draw.items() if row[0] != name}
                    break
                self.seconds[name, key] = self.seconds.get((name, key), 0.0) + seconds
                of_draw[name, key] = self._figures(lists, draw)
        self._values.append(of_draw)

    def _lists(self, matcher: Matcher, draw: Draw) -> NDArray[np.int64] | None:
        """(V, k) item codes; None where cold items all score alike."""
        k, cold = self.settings.evaluation.k, draw.truth.recommendable
        assert cold is not None
        lists, told_apart = [], False
        for batch in UserBatch(draw.judged).blocks(self.settings.matching.block_users):
            scores = matcher.score(batch)
            told_apart |= bool(np.ptp(scores[:, cold], axis=1).any())
            allowed = np.tile(cold, (len(batch.users), 1))
            allowed[draw.fit.data.had[batch.users].nonzero()] = False
            lists.append(top_items(scores, k, allowed))
        return np.concatenate(lists) if told_apart else None

    def _figures(self, lists: NDArray[np.int64], draw: Draw) -> dict[str, Floats]:
        """Metric to (U,) values of all users; NaN for users who are not judged."""
        k, n_users = draw.truth.k, len(draw.fit.user_ids)
        evaluation = evaluate_lists(lists, draw.truth)
        grouping = Grouping(POPULARITY, self.inputs.popularity)
        groups = group_values(lists, draw.truth, evaluation.per_user, grouping)
        found = {"ndcg": evaluation.per_user[f"ndcg_at_{k}"], "recall": evaluation.per_user[f"recall_at_{k}"]}
        found |= {name: values for (name, metric), values in groups.items() if metric == f"ndcg_at_{k}"}
        out = {}
        for metric, values in found.items():
            out[metric] = np.full(n_users, np.nan)
            out[metric][draw.judged] = values
        return out

    def summary(self) -> dict[str, Any]:
        """Every row pooled over draws, beside the control; and the learned map beside kNN."""
        values: Values = {
            row: {metric: np.column_stack([one[row][metric] for one in self._values]) for metric in metrics}
            for row, metrics in self._values[0].items()
            if all(row in one for one in self._values)
        }
        resamples, seed = self.settings.evaluation.resamples, self.settings.seed
        pool = pooler(resamples, seed)
        control = values[self.knn, "control"]
        results = []
        for (name, key), metrics in values.items():
            row: dict[str, Any] = {
                "matcher": name,
                "reads": TITLES[key],
                "ndcg": pool(metrics["ndcg"]),
                "recall": pool(metrics["recall"]),
                "minus_control": _difference(pool, metrics["ndcg"], control["ndcg"]),
                "by_popularity": {
                    third: {
                        "ndcg": pool(metrics[third]),
                        "minus_control": _difference(pool, metrics[third], control[third]),
                    }
                    for third in NAMES[POPULARITY]
                    if not np.isnan(metrics[third]).all()
                },
                "fit_s": self.seconds[name, key] / len(self._values),
            }
            if key != "control":
                row["minus_own_control"] = _difference(pool, metrics["ndcg"], values[name, "control"]["ndcg"])
            results.append(row)
        return {
            "control": f"{self.knn} on {TITLES['control']}",
            "results": results,
            "pairs": [
                {
                    "a": f"{a[0]} on {TITLES[a[1]]}",
                    "b": f"{b[0]} on {TITLES[b[1]]}",
                    **_difference(pool, values[a]["ndcg"], values[b]["ndcg"]),
                }
                for a, b in _pairs(values)
            ],
            "left_out": self.left_out,
        }


Pool = Callable[[Floats], dict[str, Any]]


def _pairs(values: Values) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """What else is compared: the learned map with kNN, and texts with those that nobody had to write."""
    found = [((LEARNED_MAP, key), (KNN, key)) for key in ("texts", "control")]
    found += [((name, "texts"), (name, other)) for name, _ in values for other in ("template", "shuffled")]
    return [(a, b) for a, b in dict.fromkeys(found) if a in values and b in values]


def pooler(resamples: int, seed: int) -> Pool:
    """A function that pools (U, draws) values: mean over draws of their means, its interval over users."""

    def pool(values: Floats) -> dict[str, Any]:
        defined = ~np.isnan(values)
        filled = np.where(defined, values, 0.0)
        some = defined.any(axis=1)
        defined, filled = defined[some].astype(np.float64), filled[some]
        n_users = len(filled)
        per_draw = filled.sum(axis=0) / np.maximum(defined.sum(axis=0), 1)
        judged: Flags = np.atleast_1d(defined.any(axis=0))
        if not n_users:
            return {"value": float("nan"), "low": float("nan"), "high": float("nan"), "draws": []}
        generator = np.random.default_rng(seed)
        times = generator.multinomial(n_users, np.full(n_users, 1 / n_users), size=resamples).astype(
            np.float64
        )
        count = times @ defined[:, judged]  # (R, draws)
        means = np.divide(times @ filled[:, judged], count, out=np.full(count.shape, np.nan), where=count > 0)
        low, high = np.nanpercentile(np.nanmean(means, axis=1), PERCENTILES)
        return {
            "value": float(per_draw[judged].mean()),
            "low": float(low),
            "high": float(high),
            "draws": [float(one) if known else None for one, known in zip(per_draw, judged, strict=True)],
        }

    return pool


def _difference(pool: Pool, a: Floats, b: Floats) -> dict[str, Any]:
    found = pool(a - b)
    return {"difference": found.pop("value"), **found}
