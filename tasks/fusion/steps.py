"""Fusion: search weights on validation, keep the model, make the lists, publish them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from scipy.sparse import csr_array

from tasks.codes import category_matrix, interaction_matrix, text_tensor
from tasks.fingerprint import fingerprint
from tasks.fusion.candidates import Candidates
from tasks.fusion.lists import list_codes, list_rows
from tasks.fusion.plots import pareto_figure, pareto_rows
from tasks.fusion.rerank import ItemSimilarity, mean_text_vectors
from tasks.fusion.rule_effects import effects_table, rule_effects
from tasks.fusion.tuning import FINAL, Tuning, tune
from tasks.fusion.weights import Trial
from tasks.measures import Codes
from tasks.progress import progress
from tasks.recommendable import recommendable_items, relevant_events
from tasks.rulebook import check_rules
from tasks.stage import StageRun
from tasks.tracking import Tracking
from warehouse.columns import (
    ITEM,
    PARTS_OF_FIT,
    RANK,
    RULES,
    SCORE,
    TEST,
    TEXT_ID,
    TRAIN,
    USER,
    VALIDATION,
)
from warehouse.snapshot import reconcile_snapshot, remove_old_snapshots, write_snapshot

MODEL = "fusion"
REASON_MATCHER = "cosine_max"  # whose text is shown, where it is among the matchers


@dataclass(frozen=True)
class Catalogue:
    """Codes and vectors that every step of fusion needs."""

    user_ids: list[str]
    item_ids: list[str]
    categories: np.ndarray
    recommendable: np.ndarray
    """(N,) bool: which items lists for validation may hold."""
    similarity: ItemSimilarity

    @classmethod
    def read(cls, run: StageRun) -> "Catalogue":
        """Read items, users and the live texts' vectors."""
        items = run.warehouse.query("items")
        item_ids = items[ITEM].to_list()
        vectors = text_tensor(run.warehouse.query("live_text_vectors"), item_ids)
        return cls(
            run.warehouse.query("users")[USER].to_list(),
            item_ids,
            category_matrix(items["categories"].to_list())[0],
            recommendable_items(run.warehouse, run.settings, TRAIN),
            ItemSimilarity(mean_text_vectors(vectors)),
        )


@task(name="reconcile", cache_policy=NO_CACHE)
def reconcile(run: StageRun) -> None:
    """Let readers' snapshot and the alias `champion` follow serving.current: a kill may have come between."""
    reconcile_snapshot(run.warehouse)
    current = run.warehouse.query("current_publication")
    if current.height and (version := current["model_version"][0]) is not None:
        tracking = Tracking(run.settings)
        if tracking.champion() != version and tracking.has_version(version):
            tracking.set_champion(version)


@task(name="is anything new", cache_policy=NO_CACHE)
def is_new(run: StageRun) -> bool:
    """Whether scores, settings or rules differ from those behind the current publication."""
    book = check_rules(run.warehouse, run.settings)
    run.fingerprint = fingerprint(_searched_on(run), book.fingerprint)
    current = run.warehouse.query("current_publication")
    run.unchanged = bool(current.height) and current["data_fingerprint"][0] == run.fingerprint
    return not run.unchanged


@task(name="model without a search", cache_policy=NO_CACHE)
def known_model(run: StageRun) -> str | None:
    """The published fusion model where only rules changed, which no search looks at; else None.

    It must be the newest one: lists to be judged are those of the last search.
    """
    newest = run.warehouse.query("newest_fusion_model")
    if newest.is_empty() or newest["fingerprint"][0] != _searched_on(run) or not newest["published"][0]:
        return None
    return newest["fusion_id"][0]


@task(name="search weights", cache_policy=NO_CACHE)
def search(run: StageRun) -> str:
    """Search weights on validation, out of fold; keep the fusion model and return its id."""
    settings, fusion = run.settings, run.settings.fusion
    catalogue = Catalogue.read(run)
    candidates = _candidates(run, catalogue, TRAIN)
    relevant = _relevant(run, catalogue)
    tracking = Tracking(
        settings, {"prefect_flow_run_id": run.flow_run_id, "data_fingerprint": run.fingerprint}
    )
    k = settings.evaluation.k
    trials: list[tuple[str, Trial]] = []
    with tracking.run("fusion", "weight search") as parent:
        with progress("searching fusion weights", 3 * fusion.trials, "trials") as advance:

            def on_trial(part: str, trial: Trial) -> None:
                trials.append((part, trial))
                advance(1)

            tuning = tune(
                candidates,
                relevant,
                catalogue.user_ids,
                catalogue.categories,
                catalogue.similarity,
                k=k,
                trials=fusion.trials,
                max_diversity=fusion.max_diversity,
                slack=fusion.ndcg_slack,
                recommendable=catalogue.recommendable,
                seed=settings.seed,
                on_trial=on_trial,
                length=max(settings.evaluation.all_k),
            )
        _log_trials(tracking, parent, trials, k)
        chosen, study = tuning.chosen[FINAL], tuning.studies[FINAL]
        tracking.log(
            parent,
            params={
                **fusion.model_dump(exclude={"rules"}),
                "seed": settings.seed,
                "chosen_trial": chosen.number,
            },
        )
        tracking.log_figure(parent, pareto_figure(study, chosen, k), "pareto.html")
        rows = pareto_rows(study, chosen)
        create_table_artifact(key="pareto-front", table=rows, description="Validation, all users")
        fusion_id = fingerprint(run.fingerprint, chosen.weights, chosen.diversity)
        model = {
            "fusion_id": [fusion_id],
            "fingerprint": [_searched_on(run)],
            "normaliser": [fusion.normaliser],
            "diversity": [chosen.diversity],
            "weights": [json.dumps(chosen.weights)],
            "mlflow_run_id": [parent],
            "created_at": [datetime.now(UTC)],
        }
        run.warehouse.replace("serving.fusion_models", pl.DataFrame(model), where={"fusion_id": fusion_id})
        _judge_later(run, VALIDATION, _out_of_fold_rows(tuning, catalogue))
    run.counts |= {"trials": len(trials), "diversity": chosen.diversity}
    return fusion_id


@task(name="lists for test", cache_policy=NO_CACHE)
def lists_for_test(run: StageRun, fusion_id: str) -> None:
    """Make lists from the train_validation fit with the frozen weights; evaluation judges them."""
    catalogue = Catalogue.read(run)
    candidates = _candidates(run, catalogue, "train_validation")
    weights, diversity = _model(run, fusion_id)
    length = max(run.settings.evaluation.all_k)
    items = list_codes(candidates, weights, diversity, catalogue.similarity, length)
    _judge_later(run, TEST, _rows(candidates.users, items, catalogue))


@task(name="publish", cache_policy=NO_CACHE)
def publish(run: StageRun, fusion_id: str) -> str:
    """Make every user's list from the `all` fit and put it in the place of the old ones, in one step."""
    catalogue = Catalogue.read(run)
    candidates = _candidates(run, catalogue, "all")
    weights, diversity = _model(run, fusion_id)
    length = run.settings.fusion.list_length
    book = check_rules(run.warehouse, run.settings)
    lists = list_rows(
        candidates,
        weights,
        diversity,
        catalogue.similarity,
        length,
        catalogue.user_ids,
        catalogue.item_ids,
        book,
    )
    effects = rule_effects(lists, candidates, book)
    lists_hash = fingerprint(lists.select(USER, RANK, ITEM, pl.col(SCORE).round(6)))
    now = datetime.now(UTC)
    publication_id = f"{now:%Y%m%dT%H%M%S}-{lists_hash[:8]}"
    tracking = Tracking(run.settings)
    record = run.warehouse.query("fusion_model", fusion_id=fusion_id).row(0, named=True)
    content = {"matchers": list(candidates.matchers), "weights": weights, "diversity": diversity}
    version = tracking.register_fusion(
        record["mlflow_run_id"],
        {
            **content,
            "normaliser": record["normaliser"],
            "publication_id": publication_id,
            "lists_hash": lists_hash,
        },
        lists,
    )
    publication = {
        "publication_id": [publication_id],
        "fusion_id": [fusion_id],
        "flow_run_id": pl.Series([run.flow_run_id], dtype=pl.String),
        "data_fingerprint": [run.fingerprint],
        "lists_hash": [lists_hash],
        "state": ["published"],
        "created_at": [now],
    }
    with run.warehouse.transaction():
        run.warehouse.execute("set_model_version", fusion_id=fusion_id, version=version)
        rows = _with_reasons(run, lists, publication_id)
        run.warehouse.replace("serving.recommendations", rows, where={"publication_id": publication_id})
        told = effects.with_columns(publication_id=pl.lit(publication_id))
        run.warehouse.replace("serving.rule_effects", told, where={"publication_id": publication_id})
        run.warehouse.append("serving.publications", pl.DataFrame(publication))
        run.warehouse.execute("set_current", publication_id=publication_id)
    write_snapshot(run.warehouse, publication_id)
    remove_old_snapshots(run.warehouse.folder, run.settings.retention.publications)
    tracking.set_champion(version)
    _show_effects(run, effects)
    run.counts |= {"users": lists[USER].n_unique(), "recommendations": lists.height}
    return publication_id


def _searched_on(run: StageRun) -> str:
    """Hash of all that a search depends on: scores and settings, but no rules."""
    scored = [run.warehouse.query("matcher_models", fit=fit)["fingerprint"].to_list() for fit in PARTS_OF_FIT]
    return fingerprint(
        scored,
        run.settings.fusion.model_dump(exclude={"rules"}),
        run.settings.evaluation.model_dump(exclude={"resamples"}),
        run.settings.seed,
    )


def _candidates(run: StageRun, catalogue: Catalogue, fit: str) -> Candidates:
    """The candidates of a fit with the scores of the matchers that the settings name."""
    matchers = list(run.settings.matching.matchers)
    rows = run.warehouse.query("candidate_scores", fit=fit, matchers=matchers)
    return Candidates.from_frame(rows, catalogue.user_ids, catalogue.item_ids, matchers)


def _relevant(run: StageRun, catalogue: Catalogue) -> csr_array:
    """(U, N) bool: validation events that lists can be right about."""
    events = relevant_events(run.warehouse, run.settings, VALIDATION)
    return interaction_matrix(events, catalogue.user_ids, catalogue.item_ids)


def _model(run: StageRun, fusion_id: str) -> tuple[dict[str, float], float]:
    record = run.warehouse.query("fusion_model", fusion_id=fusion_id).row(0, named=True)
    return json.loads(record["weights"]), record["diversity"]


def _rows(users: np.ndarray, items: Codes, catalogue: Catalogue) -> pl.DataFrame:
    """Lists as rows: user_id, rank, item_id."""
    row, place = np.nonzero(items >= 0)
    return pl.DataFrame(
        {
            USER: pl.Series(catalogue.user_ids, dtype=pl.String).gather(users[row]),
            RANK: (place + 1).astype(np.int32),
            ITEM: pl.Series(catalogue.item_ids, dtype=pl.String).gather(items[row, place]),
        }
    )


def _out_of_fold_rows(tuning: Tuning, catalogue: Catalogue) -> pl.DataFrame:
    return _rows(tuning.users, tuning.items, catalogue)


def _judge_later(run: StageRun, part: str, lists: pl.DataFrame) -> None:
    """Hand lists to evaluation, the one place that judges."""
    rows = lists.select(pl.lit(MODEL).alias("model"), pl.lit(part).alias("part"), USER, RANK, ITEM)
    run.warehouse.replace("evaluation.lists", rows, where={"model": MODEL, "part": part})


def _log_trials(tracking: Tracking, parent: str, trials: list[tuple[str, Trial]], k: int) -> None:
    """Log every trial as a child run, so that they can be compared in MLflow."""
    for part, trial in trials:
        with tracking.run("fusion", f"{part}, trial {trial.number}", {"users": part}, parent) as run_id:
            weights = {f"weight_{name}": weight for name, weight in trial.weights.items()}
            judged = {f"val_{name}_at_{k}": value for name, value in trial.judged._asdict().items()}
            tracking.log(run_id, params={**weights, "diversity": trial.diversity}, metrics=judged)


def _with_reasons(run: StageRun, lists: pl.DataFrame, publication_id: str) -> pl.DataFrame:
    """Rows of serving.recommendations: each with the text that matched its user best."""
    matchers = run.settings.matching.matchers
    matcher = (
        REASON_MATCHER
        if REASON_MATCHER in matchers
        else next((m for m in matchers if m.startswith("cosine")), "")
    )
    reasons = run.warehouse.query("candidate_scores", fit="all", matchers=[matcher]).select(
        USER, ITEM, TEXT_ID
    )
    names = [field.name for field in lists.schema["contributions"].fields]  # type: ignore[attr-defined]
    entries = pl.concat_list(
        pl.struct(key=pl.lit(name), value=pl.col("contributions").struct.field(name)) for name in names
    )
    return lists.join(reasons, on=[USER, ITEM], how="left", maintain_order="left").select(
        pl.lit(publication_id).alias("publication_id"),
        USER,
        RANK,
        ITEM,
        SCORE,
        entries.cast(pl.Map(pl.String, pl.Float64)).alias("contributions"),
        TEXT_ID,
        RULES,
    )


def _show_effects(run: StageRun, effects: pl.DataFrame) -> None:
    """Say what the rules did: in the Prefect UI, and among the run's counts."""
    if effects.height:
        totals = effects_table(effects)
        create_table_artifact(key="rules", table=totals, description="What business rules did to lists")
        run.counts |= {f"rule_{row['rule']}_{row['effect']}": row["items"] for row in totals}
