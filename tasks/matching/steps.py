"""Matching: per fit window, fit every matcher, then score the candidates of every user, shard by shard."""

import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
from prefect.artifacts import create_table_artifact
from scipy.sparse import csr_matrix

from tasks.arrays.codes import category_matrix, interaction_matrix
from tasks.items.recommendable import relevant_events
from tasks.matching.contract import Matcher
from tasks.matching.data import Fit, read_fit
from tasks.matching.external import content_hash
from tasks.matching.registry import build
from tasks.matching.retrieve import top_candidates
from tasks.matching.saved import clear, read_manifest, write_manifest
from tasks.matching.top_k_index import searches
from tasks.metrics.diversity import ild
from tasks.metrics.ranking import contains, mean_defined, ndcg
from tasks.rules.book import excluded_events
from tasks.run.fingerprint import fingerprint
from tasks.run.memory import give_back
from tasks.run.progress import progress
from tasks.run.stage import StageRun
from tasks.run.step import step
from tasks.run.tracking import Tracking
from warehouse.columns import (
    ALL,
    FIT,
    ITEM,
    MATCHER,
    PARTS_OF_FIT,
    SCORE,
    TEXT_ID,
    TRAIN,
    USER,
    VALIDATION,
)
from warehouse.spool import Spool, number_of_shards, shard_key

TABLE = "matching.scores"
# Fitted and saved for visitors, whichever matchers score users: queries are answered by these.
FOR_VISITORS = ("popularity", "search_keyword", "search_semantic")


@step("match", "match {fit}")
def match(run: StageRun, fit: str) -> bool:
    """Fit the matchers on a window and score its candidates; returns False when that was already done.

    A killed run goes on at the next shard of users: fitting is repeated, since it is quick beside scoring.
    """
    window, recommendable, digest, hidden = _work(run, fit)
    spool = Spool(run.warehouse)
    spool.recover()
    block = run.settings.matching.block_users
    n_shards = number_of_shards(len(window.user_ids), block)
    members: dict[str, list[int]] = defaultdict(list)
    for code, user_id in enumerate(window.user_ids):
        members[shard_key(user_id, n_shards)].append(code)
    done = {key for key, known in spool.done("matching", fit).items() if known == digest}
    pending = {key: codes for key, codes in sorted(members.items()) if key not in done}
    models = run.warehouse.query("matcher_models", fit=fit)
    whole = models.height == len(run.settings.matching.matchers) and set(models["fingerprint"]) == {digest}
    saved = read_manifest(_folder(run, fit))
    if not pending and whole and saved is not None and saved.fingerprint == digest:
        return False
    if not done:  # what an earlier catalogue or another choice of matchers left behind
        run.warehouse.replace(TABLE, run.warehouse.query("no_scores"), where={FIT: fit})
    matchers, fit_seconds = _fit(run, fit, window, recommendable, digest)
    seconds: dict[str, float] = {}
    found_by = searches(matchers, run.settings.matching, run.settings.seed)
    for name, search in found_by.items():
        run.counts[f"search_recall_{name}_{fit}"] = search.recall
    rows = 0
    with progress(f"scoring {fit}", len(window.user_ids), "users") as advance:
        advance(len(window.user_ids) - sum(map(len, pending.values())))
        for key, codes in pending.items():
            users = np.array(codes, dtype=np.int64)
            m = run.settings.matching.candidates
            blocks = top_candidates(
                matchers, window.data, users, block, m, seconds, recommendable, found_by, hidden
            )
            found = pl.concat(list(blocks))
            named = _named(found, window, run.run_id, fit)
            ids = [window.user_ids[code] for code in codes]
            path = spool.write("matching", fit, key, digest, TABLE, named, replaces={FIT: fit, USER: ids})
            rows += spool.commit(path)
            advance(len(codes))
    run.counts[f"score_rows_{fit}"] = rows
    _record(run, fit, matchers, fit_seconds, seconds, digest)
    return True


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
    create_table_artifact(key="matchers", table=rows, description="Fit train, judged on validation")


@step("finish matching")
def finish(run: StageRun) -> None:
    """Say what fusion will read."""
    run.fingerprint = fingerprint(
        [run.warehouse.query("matcher_models", fit=fit)["fingerprint"].to_list() for fit in PARTS_OF_FIT]
    )


def _work(run: StageRun, fit: str) -> tuple[Fit, np.ndarray, str, csr_matrix | None]:
    """A window's arrays, what may be recommended, the hash of all that scores depend on, and to whom not.

    Rules may let users see again what they had; but only lists that are published follow rules.
    """
    window, recommendable, digest = read_fit(run.warehouse, run.settings, fit)
    matching = run.settings.matching
    made = {name: build(name, matching).parameters() for name in (*matching.matchers, *FOR_VISITORS)}
    files = {one.name: content_hash(one.files, fit) for one in matching.chosen_external}
    hidden = excluded_events(run.warehouse, run.settings) if fit == ALL else None
    told = [] if hidden is None else [hidden.indptr.tolist(), hidden.indices.tolist()]
    parts = (matching.matchers, made, files, matching.candidates, *told)
    return window, recommendable, fingerprint(digest, *parts), hidden


def _fit(
    run: StageRun, fit: str, window: Fit, recommendable: np.ndarray, digest: str
) -> tuple[list[Matcher], dict[str, float]]:
    """Fit and save the matchers of the settings; with the fit that is published, those for visitors too."""
    settings, folder = run.settings.matching, _folder(run, fit)
    more = [name for name in FOR_VISITORS if name not in settings.matchers] if fit == ALL else []
    clear(folder)
    matchers, seconds = [], {}
    for name in (*settings.matchers, *more):
        matcher = build(name, settings)
        start = time.perf_counter()
        matcher.fit(window.data)
        seconds[name] = time.perf_counter() - start
        matcher.save(folder / name)
        give_back()
        if name not in more:
            matchers.append(matcher)
    write_manifest(folder, digest, seconds, window.item_ids, recommendable)
    return matchers, seconds


def _folder(run: StageRun, fit: str) -> Path:
    """Where the matchers of a fit are saved."""
    return run.settings.data_folder / "matchers" / fit


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


def _record(
    run: StageRun,
    fit: str,
    matchers: list[Matcher],
    fit_seconds: dict[str, float],
    score_seconds: dict[str, float],
    digest: str,
) -> None:
    """Write matching.models last: with it, the fit counts as done."""
    rows = pl.DataFrame(
        {
            FIT: [fit] * len(matchers),
            MATCHER: [matcher.name for matcher in matchers],
            "parameters": [json.dumps(matcher.parameters()) for matcher in matchers],
            "fit_seconds": [fit_seconds[matcher.name] for matcher in matchers],
            "score_seconds": [score_seconds.get(matcher.name, 0.0) for matcher in matchers],
            "fingerprint": [digest] * len(matchers),
        }
    )
    run.warehouse.replace("matching.models", rows, where={FIT: fit})


def _validation_metrics(run: StageRun) -> dict[str, dict[str, float]]:
    """Each matcher's own lists of the train fit, judged on validation."""
    warehouse, settings = run.warehouse, run.settings
    k = settings.evaluation.k
    user_ids = warehouse.query("users")[USER].to_list()
    items = warehouse.query("items")
    item_ids = items[ITEM].to_list()
    relevant = interaction_matrix(relevant_events(warehouse, settings, VALIDATION), user_ids, item_ids)
    categories, _ = category_matrix(items["categories"].to_list())
    judged = np.flatnonzero(np.diff(relevant.indptr) > 0)
    user_code = {user_id: code for code, user_id in enumerate(user_ids)}
    item_code = {item_id: code for code, item_id in enumerate(item_ids)}
    out = {}
    top = warehouse.query("own_lists", fit=TRAIN, k=k)
    for (name,), rows in top.group_by(MATCHER):
        lists = np.full((len(user_ids), k), -1)
        places = [user_code[user] for user in rows[USER]]
        lists[places, rows["rank"].to_numpy() - 1] = [item_code[item] for item in rows[ITEM]]
        hits = contains(relevant, lists)[judged]
        n_relevant = np.diff(relevant.indptr)[judged]
        out[str(name)] = {
            f"val_ndcg_at_{k}": mean_defined(ndcg(hits, n_relevant)),
            f"val_recall_at_{k}": float((hits.sum(axis=1) / n_relevant).mean()),
            f"val_ild_at_{k}": mean_defined(ild(lists[judged], categories)),
        }
    return out
