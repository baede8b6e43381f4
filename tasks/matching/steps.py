"""Matching: per fit window, fit every matcher, then score the candidates of every user, shard by shard."""

import json
import time
from collections import defaultdict

import numpy as np
import polars as pl
from prefect.artifacts import create_table_artifact

from tasks.arrays.codes import category_matrix, interaction_matrix
from tasks.items.recommendable import relevant_events
from tasks.matching.contract import Matcher
from tasks.matching.data import Fit, read_fit
from tasks.matching.external import content_hash
from tasks.matching.registry import build
from tasks.matching.retrieve import Retrieval
from tasks.matching.saved import Manifest, clear, read_manifest, write_manifest
from tasks.matching.top_k_index import top_k_indexes
from tasks.metrics.diversity import ild
from tasks.metrics.ranking import contains, mean_defined, ndcg
from tasks.rules.book import excluded_events
from tasks.run.fingerprint import fingerprint
from tasks.run.memory import give_back
from tasks.run.progress import progress
from tasks.run.stage import StageRun
from tasks.run.step import counted, step
from tasks.run.tracking import Tracking
from tasks.settings.matching import Matching
from warehouse.columns import ALL, FIT, ITEM, MATCHER, PARTS_OF_FIT, SCORE, TEXT_ID, TRAIN, USER, VALIDATION
from warehouse.spool import Spool, number_of_shards, shard_key

TABLE = "matching.scores"
# Fitted and saved for visitors, whichever matchers score users: queries are answered by these.
FOR_VISITORS = ("popularity", "search_keyword", "search_semantic")


class FitWork:
    """What is to be done for one fit window: its arrays, its matchers, its users shard by shard.

    Not a dataclass: Prefect walks into those that it finds among a task's parameters, and copies them.
    """

    def __init__(self, run: StageRun, fit: str) -> None:
        settings = run.settings.matching
        self.fit, self.folder = fit, run.settings.data_folder / "matchers" / fit
        self.window = read_fit(run.warehouse, run.settings, fit)
        # Rules may let users see again what they had; but only lists that are published follow rules.
        self.hidden = excluded_events(run.warehouse, run.settings) if fit == ALL else None
        self.names = list(settings.matchers)
        if fit == ALL:
            self.names += [name for name in FOR_VISITORS if name not in settings.matchers]
        self.digest = self._digest(settings)
        n_shards = number_of_shards(len(self.window.user_ids), settings.block_users)
        self.shards: dict[str, list[int]] = defaultdict(list)
        for code, user_id in enumerate(self.window.user_ids):
            self.shards[shard_key(user_id, n_shards)].append(code)
        self.matchers: dict[str, Matcher] = {}
        self.fit_seconds: dict[str, float] = {}

    def _digest(self, settings: Matching) -> str:
        """The hash of all that scores depend on."""
        made = {name: build(name, settings).parameters() for name in (*settings.matchers, *FOR_VISITORS)}
        files = {one.name: content_hash(one.files, self.fit) for one in settings.chosen_external}
        told = [] if self.hidden is None else [self.hidden.indptr.tolist(), self.hidden.indices.tolist()]
        return fingerprint(self.window.digest, settings.matchers, made, files, settings.candidates, *told)


@step("read window", "read window {fit}")
def read_window(run: StageRun, fit: str) -> FitWork | None:
    """Read what a fit is made from; None when it is fitted and scored already.

    A killed run goes on at the next shard of users: fitting is repeated, since it is quick beside scoring.
    """
    work = FitWork(run, fit)
    spool = Spool(run.warehouse)
    spool.recover()
    done = {key for key, known in spool.done("matching", fit).items() if known == work.digest}
    models = run.warehouse.query("matcher_models", fit=fit)
    whole = models.height == len(run.settings.matching.matchers)
    whole = whole and set(models["fingerprint"]) == {work.digest}
    saved = read_manifest(work.folder)
    if done >= work.shards.keys() and whole and saved is not None and saved.fingerprint == work.digest:
        return None
    if not done:  # what an earlier catalogue or another choice of matchers left behind
        run.warehouse.replace(TABLE, run.warehouse.query("no_scores"), where={FIT: fit})
    work.shards = {key: codes for key, codes in sorted(work.shards.items()) if key not in done}
    clear(work.folder)
    data = work.window.data
    counted(users=data.n_users, items=data.n_items, events=len(data.user))
    return work


@step("fit matcher", "fit {name} on {work.fit}")
def fit_matcher(run: StageRun, work: FitWork, name: str) -> None:
    """Fit a matcher on a window, and save it."""
    matcher = build(name, run.settings.matching)
    with progress(f"fitting {work.fit}", len(work.names), "matchers") as advance:
        advance(len(work.fit_seconds), name)
        start = time.perf_counter()
        matcher.fit(work.window.data)
        work.fit_seconds[name] = time.perf_counter() - start
        matcher.save(work.folder / name)
    give_back()
    counted(events=len(work.window.data.user))
    if name in run.settings.matching.matchers:
        work.matchers[name] = matcher


@step("score candidates", "score candidates {work.fit}")
def score(run: StageRun, work: FitWork) -> None:
    """Score the candidates of a window's users, shard by shard."""
    settings, fit, window = run.settings.matching, work.fit, work.window
    manifest = Manifest(work.digest, work.names, window.item_ids, window.recommendable)
    write_manifest(work.folder, manifest)
    matchers, spool = list(work.matchers.values()), Spool(run.warehouse)
    with progress(f"indexing {fit}", None, "matchers"):
        indexes = top_k_indexes(matchers, settings, run.settings.seed)
    run.counts |= {f"search_recall_{name}_{fit}": index.recall for name, index in indexes.items()}
    shown = window.recommendable, work.hidden
    retrieval = Retrieval(
        matchers, window.data, settings.block_users, settings.candidates, *shown, indexes=indexes
    )
    rows = 0
    with progress(f"scoring {fit}", sum(map(len, work.shards.values())), "users") as advance:
        for key, codes in work.shards.items():
            found = pl.concat(list(retrieval.candidates(np.array(codes, dtype=np.int64))))
            replaced = {FIT: fit, USER: [window.user_ids[code] for code in codes]}
            named = _named(found, window, run.run_id, fit)
            path = spool.write("matching", fit, key, work.digest, TABLE, named, replaces=replaced)
            rows += spool.commit(path)
            advance(len(codes))
    run.counts[f"score_rows_{fit}"] = rows
    _record(run, work, retrieval.seconds)


@step("track matchers")
def track(run: StageRun) -> None:
    """Log every matcher as a child run with its parameters, timings and validation metrics."""
    metrics = _validation_metrics(run)
    tracking = Tracking.of(run)
    settings = run.settings.matching.model_dump(mode="json")
    rows = []
    about = "All matchers of one night, each fit on train, train_validation and all."
    with tracking.run("matching", "matchers", about=about) as parent:
        tracking.log(parent, params={**settings, "seed": run.settings.seed}, metrics=run.counts)
        for fit in PARTS_OF_FIT:
            models = run.warehouse.query("matcher_models", fit=fit)
            for model in models.iter_rows(named=True):
                name = model[MATCHER]
                with tracking.run("matching", f"{name}, {fit}", {FIT: fit, MATCHER: name}, parent) as run_id:
                    values = {"fit_seconds": model["fit_seconds"], "score_seconds": model["score_seconds"]}
                    if fit == TRAIN:
                        values |= metrics.get(name, {})  # what proposes nothing has no lists
                        rows.append(
                            {"matcher": name, **{key: round(value, 4) for key, value in values.items()}}
                        )
                    parameters = {"matcher": name, **json.loads(model["parameters"])}
                    tracking.log(run_id, params=parameters, metrics=values)
    create_table_artifact(key="matchers", table=rows, description="Fit train, lists against validation")


@step("finish matching")
def finish(run: StageRun) -> None:
    """Say what fusion will read."""
    run.fingerprint = fingerprint(
        [run.warehouse.query("matcher_models", fit=fit)["fingerprint"].to_list() for fit in PARTS_OF_FIT]
    )


def _named(found: pl.DataFrame, window: Fit, run_id: str, fit: str) -> pl.DataFrame:
    """Candidate rows with external ids in the place of codes: rows of matching.scores."""
    items = pl.Series(window.item_ids, dtype=pl.String)
    slots = len(window.text_ids[0])
    texts = pl.Series([text for of_item in window.text_ids for text in of_item], dtype=pl.String)
    return found.select(
        pl.lit(run_id).alias("run_id"),
        pl.lit(fit).alias(FIT),
        pl.col("matcher").alias(MATCHER),
        pl.Series(USER, pl.Series(window.user_ids, dtype=pl.String).gather(found["user"])),
        pl.Series(ITEM, items.gather(found["item"])),
        pl.col("score").alias(SCORE),
        "own_rank",
        pl.Series(TEXT_ID, texts.gather(found["item"] * slots + found["slot"])),
    )


def _record(run: StageRun, work: FitWork, score_seconds: dict[str, float]) -> None:
    """Write matching.models last: with it, the fit counts as done."""
    rows = pl.DataFrame(
        {
            FIT: [work.fit] * len(work.matchers),
            MATCHER: list(work.matchers),
            "parameters": [json.dumps(matcher.parameters()) for matcher in work.matchers.values()],
            "fit_seconds": [work.fit_seconds[name] for name in work.matchers],
            "score_seconds": [score_seconds.get(name, 0.0) for name in work.matchers],
            "fingerprint": [work.digest] * len(work.matchers),
        }
    )
    run.warehouse.replace("matching.models", rows, where={FIT: work.fit})


def _validation_metrics(run: StageRun) -> dict[str, dict[str, float]]:
    """Metrics of each matcher's own lists of the train fit, on validation."""
    warehouse, settings = run.warehouse, run.settings
    k = settings.evaluation.k
    user_ids = warehouse.query("users")[USER].to_list()
    items = warehouse.query("items")
    item_ids = items[ITEM].to_list()
    relevant = interaction_matrix(relevant_events(warehouse, settings, VALIDATION), user_ids, item_ids)
    categories, _ = category_matrix(items["categories"].to_list())
    with_events = np.flatnonzero(np.diff(relevant.indptr) > 0)
    if not with_events.size:  # nobody can be judged
        return {}
    user_code = {user_id: code for code, user_id in enumerate(user_ids)}
    item_code = {item_id: code for code, item_id in enumerate(item_ids)}
    out = {}
    top = warehouse.query("own_lists", fit=TRAIN, k=k)
    for (name,), rows in top.group_by(MATCHER):
        lists = np.full((len(user_ids), k), -1)
        places = [user_code[user] for user in rows[USER]]
        lists[places, rows["rank"].to_numpy() - 1] = [item_code[item] for item in rows[ITEM]]
        hits = contains(relevant, lists)[with_events]
        n_relevant = np.diff(relevant.indptr)[with_events]
        out[str(name)] = {
            f"val_ndcg_at_{k}": mean_defined(ndcg(hits, n_relevant)),
            f"val_recall_at_{k}": float((hits.sum(axis=1) / n_relevant).mean()),
            f"val_ild_at_{k}": mean_defined(ild(lists[with_events], categories)),
        }
    return out
