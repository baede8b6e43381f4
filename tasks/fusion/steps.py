"""Fusion: search weights on validation, keep the model, make the lists, publish them."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from scipy.sparse import csr_array

from tasks.codes import category_matrix, codes, interaction_matrix, text_tensor
from tasks.fingerprint import fingerprint
from tasks.fusion.candidates import Candidates
from tasks.fusion.facts import user_facts
from tasks.fusion.lists import list_codes, list_rows
from tasks.fusion.model import FusionModel
from tasks.fusion.plots import parallel_figure, pareto_figure, pareto_rows, weights_figure
from tasks.fusion.rerank_head import ItemCategories, RerankContext, tastes
from tasks.fusion.similarity import ItemSimilarity, mean_text_vectors
from tasks.fusion.tuning import FINAL, Plan, Tuning, tune
from tasks.fusion.weights import Trial
from tasks.measures import Codes, Floats
from tasks.progress import progress
from tasks.recommendable import recommendable_items, relevant_events
from tasks.stage import StageRun
from tasks.tracking import Tracking
from warehouse.columns import (
    HISTORY_OF_FIT,
    ITEM,
    PARTS_OF_FIT,
    RANK,
    SCORE,
    TEST,
    TEXT_ID,
    TIME,
    TRAIN,
    USER,
    VALIDATION,
)
from warehouse.snapshot import reconcile_snapshot, remove_old_snapshots, write_snapshot

MODEL, DIVERSE = "fusion", "fusion_diverse"
REASON_MATCHER = "cosine_max"  # whose text is shown, where it is among the matchers


@dataclass(frozen=True)
class Catalogue:
    """Codes and vectors that every step of fusion needs."""

    user_ids: list[str]
    item_ids: list[str]
    categories: np.ndarray
    recommendable: np.ndarray
    """(N,) bool: which items lists for validation may hold."""
    vectors: np.ndarray
    """(N, D) of the items' texts."""
    similarity: ItemSimilarity

    @classmethod
    def read(cls, run: StageRun) -> "Catalogue":
        """Read items, users and the live texts' vectors."""
        items = run.warehouse.query("items")
        item_ids = items[ITEM].to_list()
        vectors = mean_text_vectors(text_tensor(run.warehouse.query("live_text_vectors"), item_ids))
        return cls(
            run.warehouse.query("users")[USER].to_list(),
            item_ids,
            category_matrix(items["categories"].to_list())[0],
            recommendable_items(run.warehouse, run.settings, TRAIN),
            vectors,
            ItemSimilarity(vectors),
        )

    def context(self, run: StageRun, fit: str, reranker: str, category_cap: int) -> RerankContext:
        """What re-ranking of a fit's lists goes by, for all users."""
        history = interaction_matrix(_events(run, fit), self.user_ids, self.item_ids)
        wanted = tastes(history, self.categories)
        return RerankContext(self.similarity, ItemCategories(self.categories), wanted, reranker, category_cap)

    def facts(self, run: StageRun, fit: str) -> Floats:
        """(U, F) what a fit knows of all users."""
        events = _events(run, fit)
        return user_facts(
            len(self.user_ids),
            codes(events[USER], self.user_ids),
            codes(events[ITEM], self.item_ids),
            events[TIME].to_numpy().astype(np.int64),
            self.vectors,
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
    """Whether scores or settings differ from those behind the current publication."""
    scored = [run.warehouse.query("matcher_models", fit=fit)["fingerprint"].to_list() for fit in PARTS_OF_FIT]
    run.fingerprint = fingerprint(
        scored,
        run.settings.fusion.model_dump(),
        run.settings.evaluation.model_dump(exclude={"resamples"}),
        run.settings.seed,
    )
    current = run.warehouse.query("current_publication")
    run.unchanged = bool(current.height) and current["data_fingerprint"][0] == run.fingerprint
    return not run.unchanged


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
                catalogue.context(run, TRAIN, fusion.reranker, fusion.category_cap),
                Plan.of(fusion, k, settings.seed),
                recommendable=catalogue.recommendable,
                on_trial=on_trial,
                length=max(settings.evaluation.all_k),
                folder=settings.mlflow_folder / "searches",
                key=run.fingerprint,
            )
        _log_trials(tracking, parent, trials, k)
        _log_search(tracking, parent, tuning, run)
        record = tuning.models[FINAL].to_record()
        fusion_id = fingerprint(run.fingerprint, record)
        model = {
            "fusion_id": fusion_id,
            "fingerprint": run.fingerprint,
            "reranker": fusion.reranker,
            "category_cap": fusion.category_cap,
            **record,
            "mlflow_run_id": parent,
            "created_at": datetime.now(UTC),
        }
        run.warehouse.replace("serving.fusion_models", pl.DataFrame([model]), where={"fusion_id": fusion_id})
        for name, items in ((MODEL, tuning.items), (DIVERSE, tuning.diverse_items)):
            _judge_later(run, name, VALIDATION, _rows(tuning.users, items, catalogue))
    for done in (settings.mlflow_folder / "searches").glob("fusion-*.jsonl"):
        done.unlink()
    run.counts |= {"trials": len(trials), "diversity": tuning.chosen[FINAL].diversity}
    return fusion_id


@task(name="lists for test", cache_policy=NO_CACHE)
def lists_for_test(run: StageRun, fusion_id: str) -> None:
    """Make lists from the train_validation fit with the frozen weights; evaluation judges them."""
    catalogue = Catalogue.read(run)
    candidates = _candidates(run, catalogue, "train_validation")
    model = _model(run, fusion_id)
    context = _context(run, catalogue, "train_validation", fusion_id)
    length = max(run.settings.evaluation.all_k)
    for name, one in ((MODEL, model), (DIVERSE, model.as_diverse)):
        items = list_codes(candidates, one, context, length)
        _judge_later(run, name, TEST, _rows(candidates.users, items, catalogue))


@task(name="publish", cache_policy=NO_CACHE)
def publish(run: StageRun, fusion_id: str) -> str:
    """Make every user's list from the `all` fit and put it in the place of the old ones, in one step."""
    catalogue = Catalogue.read(run)
    candidates = _candidates(run, catalogue, "all")
    model = _model(run, fusion_id)
    context = _context(run, catalogue, "all", fusion_id)
    length = run.settings.fusion.list_length
    lists = list_rows(candidates, model, context, length, catalogue.user_ids, catalogue.item_ids)
    lists_hash = fingerprint(lists.select(USER, RANK, ITEM, pl.col(SCORE).round(6)))
    now = datetime.now(UTC)
    publication_id = f"{now:%Y%m%dT%H%M%S}-{lists_hash[:8]}"
    tracking = Tracking(run.settings)
    record = run.warehouse.query("fusion_model", fusion_id=fusion_id).row(0, named=True)
    content = {
        "matchers": list(candidates.matchers),
        **model.to_record(),
        "weights": dict(model.weights),
        "reranker": context.reranker,
        "category_cap": context.category_cap,
    }
    version = tracking.register_fusion(
        record["mlflow_run_id"],
        {**content, "publication_id": publication_id, "lists_hash": lists_hash},
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
        run.warehouse.append("serving.publications", pl.DataFrame(publication))
        run.warehouse.execute("set_current", publication_id=publication_id)
    write_snapshot(run.warehouse, publication_id)
    remove_old_snapshots(run.warehouse.folder, run.settings.retention.publications)
    tracking.set_champion(version)
    run.counts |= {"users": lists[USER].n_unique(), "recommendations": lists.height}
    return publication_id


def _candidates(run: StageRun, catalogue: Catalogue, fit: str) -> Candidates:
    """The candidates of a fit with the scores of the matchers that the settings name."""
    matchers = list(run.settings.matching.matchers)
    rows = run.warehouse.query("candidate_scores", fit=fit, matchers=matchers)
    candidates = Candidates.from_frame(rows, catalogue.user_ids, catalogue.item_ids, matchers)
    return candidates.with_facts(catalogue.facts(run, fit))


def _events(run: StageRun, fit: str) -> pl.DataFrame:
    """What a fit knows of users' past."""
    parts = list(HISTORY_OF_FIT[fit])
    return run.warehouse.query("fit_interactions", protocol=run.settings.data.protocol, parts=parts)


def _relevant(run: StageRun, catalogue: Catalogue) -> csr_array:
    """(U, N) bool: validation events that lists can be right about."""
    events = relevant_events(run.warehouse, run.settings, VALIDATION)
    return interaction_matrix(events, catalogue.user_ids, catalogue.item_ids)


def _model(run: StageRun, fusion_id: str) -> FusionModel:
    return FusionModel.from_record(
        run.warehouse.query("fusion_model", fusion_id=fusion_id).row(0, named=True)
    )


def _context(run: StageRun, catalogue: Catalogue, fit: str, fusion_id: str) -> RerankContext:
    """What a kept model re-ranks by: its own method, whatever the settings say now."""
    record = run.warehouse.query("fusion_model", fusion_id=fusion_id).row(0, named=True)
    return catalogue.context(run, fit, record["reranker"], record["category_cap"])


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


def _judge_later(run: StageRun, model: str, part: str, lists: pl.DataFrame) -> None:
    """Hand lists to evaluation, the one place that judges."""
    rows = lists.select(pl.lit(model).alias("model"), pl.lit(part).alias("part"), USER, RANK, ITEM)
    run.warehouse.replace("evaluation.lists", rows, where={"model": model, "part": part})


def _log_search(tracking: Tracking, parent: str, tuning: Tuning, run: StageRun) -> None:
    """Log what was compared, what was chosen and what it was chosen from."""
    settings, k = run.settings, run.settings.evaluation.k
    chosen, diverse, study = tuning.chosen[FINAL], tuning.diverse[FINAL], tuning.studies[FINAL]
    model = tuning.models[FINAL]
    ndcg = f"val_ndcg_at_{k}"
    tracking.log(
        parent,
        params={
            **settings.fusion.model_dump(),
            "seed": settings.seed,
            "chosen_method": model.method,
            "chosen_normaliser": model.normaliser.name,
            "chosen_trial": chosen.number,
            "diverse_trial": diverse.number,
        },
        metrics={f"{ndcg}_{one['method']}_{one['normaliser']}": one["ndcg"] for one in model.contest},
    )
    tracking.log_figure(parent, pareto_figure(study, chosen, k, diverse), "pareto.html")
    tracking.log_figure(parent, parallel_figure(study, k), "parallel.html")
    tracking.log_figure(parent, weights_figure(tuning.chosen), "weights.html")
    rows = pareto_rows(study, chosen, diverse)
    create_table_artifact(key="pareto-front", table=rows, description="Validation, all users")
    if model.contest:
        compared = {name: [asdict(entry) for entry in of_part] for name, of_part in tuning.entries.items()}
        tracking.log_dict(parent, compared, "methods.json")
        create_table_artifact(
            key="fusion-methods",
            table=[dict(entry) for entry in model.contest],
            description=f"NDCG@{k} out of fold on validation, by score alone",
        )


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
    )
