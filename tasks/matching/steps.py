"""Matching: per fit window, fit every matcher, then score the candidates of every user, shard by shard."""

import json
import time
from collections import defaultdict

import numpy as np
import polars as pl
from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from tasks.codes import category_matrix, interaction_matrix
from tasks.fingerprint import fingerprint
from tasks.matching.contract import Matcher
from tasks.matching.data import Fit, fit_window
from tasks.matching.registry import build
from tasks.matching.retrieve import top_candidates
from tasks.matching.search import searches
from tasks.measures import contains, ild, mean_defined, ndcg
from tasks.progress import progress
from tasks.recommendable import recommendable_items
from tasks.stage import StageRun
from tasks.tracking import Tracking
from warehouse.columns import (
    FIT,
    HISTORY_OF_FIT,
    ITEM,
    MATCHER,
    PARTS_OF_FIT,
    SCORE,
    TEXT_ID,
    TRAIN,
    USER,
    VALIDATION,
)
from warehouse.spool import Spool, shard_key

TABLE = "matching.scores"


@task(name="match", task_run_name="match {fit}", cache_policy=NO_CACHE)
def match(run: StageRun, fit: str) -> bool:
    """Fit the matchers on a window and score its candidates; returns False when that was already done.

    A killed run goes on at the next shard of users: fitting is repeated, since it is quick beside scoring.
    """
    window, recommendable, digest = _load(run, fit)
    spool = Spool(run.warehouse)
    spool.recover()
    block = run.settings.matching.block_users
    n_shards = 1 << max(0, -(-len(window.user_ids) // block) - 1).bit_length()
    members: dict[str, list[int]] = defaultdict(list)
    for code, user_id in enumerate(window.user_ids):
        members[shard_key(user_id, n_shards)].append(code)
    done = {key for key, known in spool.done("matching", fit).items() if known == digest}
    pending = {key: codes for key, codes in sorted(members.items()) if key not in done}
    models = run.warehouse.query("matcher_models", fit=fit)
    whole = models.height == len(run.settings.matching.matchers) and set(models["fingerprint"]) == {digest}
    if not pending and whole:
        return False
    if not done:  # what an earlier catalogue or another choice of matchers left behind
        run.warehouse.replace(TABLE, run.warehouse.query("no_scores"), where={FIT: fit})
    matchers, fit_seconds = _fit(run, fit, window)
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
            blocks = top_candidates(matchers, window.data, users, block, m, seconds, recommendable, found_by)
            found = pl.concat(list(blocks))
            named = _named(found, window, run.run_id, fit)
            ids = [window.user_ids[code] for code in codes]
            path = spool.write("matching", fit, key, digest, TABLE, named, replaces={FIT: fit, USER: ids})
            rows += spool.commit(path)
            advance(len(codes))
    run.counts[f"score_rows_{fit}"] = rows
    _record(run, fit, matchers, fit_seconds, seconds, digest)
    return True


@task(name="track matchers", cache_policy=NO_CACHE)
def track(run: StageRun) -> None:
    """Log every matcher as a child run with its parameters, timings and validation metrics."""
    metrics = _validation_metrics(run)
    tracking = Tracking(run.settings, {"prefect_flow_run_id": run.flow_run_id})
    settings = run.settings.matching.model_dump(mode="json")
    rows = []
    with tracking.run("matching", "matchers") as parent:
        tracking.log(parent, params={**settings, "seed": run.settings.seed}, metrics=run.counts)
        for fit in PARTS_OF_FIT:
            models = run.warehouse.query("matcher_models", fit=fit)
            for model in models.iter_rows(named=True):
                name = model[MATCHER]
                with tracking.run("matching", f"{name}, {fit}", {FIT: fit}, parent) as run_id:
                    values = {"fit_seconds": model["fit_seconds"], "score_seconds": model["score_seconds"]}
                    if fit == TRAIN:
                        values |= metrics[name]
                        rows.append(
                            {"matcher": name, **{key: round(value, 4) for key, value in values.items()}}
                        )
                    parameters = {"matcher": name, **json.loads(model["parameters"])}
                    tracking.log(run_id, params=parameters, metrics=values)
    create_table_artifact(key="matchers", table=rows, description="Fit train, judged on validation")


@task(name="finish matching", cache_policy=NO_CACHE)
def finish(run: StageRun) -> None:
    """Say what fusion will read."""
    run.fingerprint = fingerprint(
        [run.warehouse.query("matcher_models", fit=fit)["fingerprint"].to_list() for fit in PARTS_OF_FIT]
    )


def _load(run: StageRun, fit: str) -> tuple[Fit, np.ndarray, str]:
    """A window's arrays, which items may be recommended, and the hash of all that its scores depend on."""
    warehouse, settings = run.warehouse, run.settings
    users, items = warehouse.query("users"), warehouse.query("items")
    parts = list(HISTORY_OF_FIT[fit])
    events = warehouse.query("fit_interactions", protocol=settings.data.protocol, parts=parts)
    texts, interests = warehouse.query("live_text_vectors"), warehouse.query("user_vectors", fit=fit)
    item_vectors = warehouse.query("item_vectors")
    recommendable = recommendable_items(warehouse, settings, fit)
    digest = fingerprint(
        users.select(USER),
        items.select(ITEM).filter(recommendable),
        items.select(ITEM, "content_hash"),
        events,
        texts.select(ITEM, "slot", "content_hash"),
        item_vectors.select(ITEM, "content_hash"),
        Spool(warehouse).done("embedding", fit),
        settings.matching.model_dump(mode="json"),
        settings.embedding.encoder,
        settings.seed,
    )
    words = warehouse.query("live_texts")
    window = fit_window(
        users, items, events, texts, interests, item_vectors, words, settings.seed, PARTS_OF_FIT[fit]
    )
    return window, recommendable, digest


def _fit(run: StageRun, fit: str, window: Fit) -> tuple[list[Matcher], dict[str, float]]:
    """Fit and save the matchers of the settings."""
    matchers = [build(name, run.settings.matching) for name in run.settings.matching.matchers]
    seconds = {}
    for matcher in matchers:
        start = time.perf_counter()
        matcher.fit(window.data)
        seconds[matcher.name] = time.perf_counter() - start
        matcher.save(run.settings.data_folder / "matchers" / fit / matcher.name)
    return matchers, seconds


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
    held = warehouse.query("fit_interactions", protocol=settings.data.protocol, parts=[VALIDATION])
    recommendable = items.filter(recommendable_items(warehouse, settings, TRAIN))
    held = held.join(recommendable, on=ITEM, how="semi")
    relevant = interaction_matrix(held, user_ids, item_ids)
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
