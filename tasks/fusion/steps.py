"""Fusion: search weights on validation, keep the model, make the lists, publish them."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from prefect import get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.events import emit_event
from scipy.sparse import csr_array

from tasks.arrays.types import Codes
from tasks.fusion import publishing
from tasks.fusion.candidate_store import candidate_rows
from tasks.fusion.catalogue import Catalogue
from tasks.fusion.champion import Decision, FoldModels, decide, ndcg_of, without_champion
from tasks.fusion.lists import list_rows, with_reasons
from tasks.fusion.model import FusionModel
from tasks.fusion.plan import Plan
from tasks.fusion.plots import pareto_rows
from tasks.fusion.points import Trial
from tasks.fusion.publications import freshness
from tasks.fusion.publishing import CANDIDATES, RULE_EFFECTS, Publication
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.search_records import search_figures, search_record, trial_record
from tasks.fusion.tuning import FEWEST_USERS, FINAL, FOLDS, Tuning, tune
from tasks.items.recommendable import held_back
from tasks.rules.book import check_rules
from tasks.rules.effects import effects_table, rule_effects
from tasks.run.fingerprint import fingerprint
from tasks.run.progress import progress
from tasks.run.stage import StageRun
from tasks.run.step import step
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from warehouse.columns import (
    DIVERSE_LISTS,
    ITEM,
    LISTS,
    PARTS_OF_FIT,
    RANK,
    TEST,
    TRAIN,
    USER,
    VALIDATION,
)
from warehouse.errors import PolyrecError

MODEL, DIVERSE = "fusion", "fusion_diverse"
DECISION_FIGURES = ("champion", "challenger", "difference", "low", "high")


@step("is anything new")
def is_new(run: StageRun) -> bool:
    """Whether scores, settings or rules differ from those behind the last lists that were made.

    Lists that an operator brought back since then stay until there is something new.
    """
    book = check_rules(run.warehouse, run.settings)
    run.fingerprint = fingerprint(_searched_on(run), book.fingerprint)
    last = run.warehouse.query("last_made")
    run.unchanged = bool(last.height) and last["data_fingerprint"][0] == run.fingerprint
    return not run.unchanged


@step("model without a search")
def known_model(run: StageRun) -> str | None:
    """The published fusion model where only rules changed, which no search looks at; else None.

    After a rollback there is none: evaluation has lists of the model that was chosen last.
    """
    newest, last, current = (
        run.warehouse.query(name) for name in ("newest_fusion_model", "last_made", "current_publication")
    )
    if newest.is_empty() or newest["fingerprint"][0] != _searched_on(run) or last.is_empty():
        return None
    published: str = last["fusion_id"][0]
    return published if published == current["fusion_id"][0] else None


@step("search weights")
def search(run: StageRun) -> str:
    """Search weights on validation, out of fold; keep the fusion model and return its id.

    Where too few users can be judged nothing is searched, and the model is the default one.
    """
    settings, fusion, k = run.settings, run.settings.fusion, run.settings.evaluation.k
    catalogue, folder = Catalogue.read(run), settings.mlflow_folder / "searches"
    tracking = Tracking.of(run, data_fingerprint=run.fingerprint, fit=TRAIN)
    candidates = catalogue.candidates(run, TRAIN, settings.matching.matchers)
    trials: list[tuple[str, Trial]] = []
    about = "A search of the weights: both folds of the users for validation, then all users."
    with tracking.run("fusion", "weight search", about=about) as parent:
        with progress("searching fusion weights", 3 * fusion.trials, "trials") as advance:

            def on_trial(part: str, trial: Trial) -> None:
                trials.append((part, trial))
                advance(1)

            tuning = tune(
                candidates,
                catalogue.validation(run),
                Plan.of(fusion, k, settings.seed),
                on_trial=on_trial,
                length=max(settings.evaluation.all_k),
                folder=folder,
                key=_searched_on(run),
            )
        for part, trial in trials:  # as child runs, so that they can be compared in MLflow
            with tracking.run("fusion", f"{part}, trial {trial.number}", {"users": part}, parent) as run_id:
                tracking.log(run_id, **trial_record(trial, k))
        _log_search(tracking, parent, tuning, settings)
        fusion_id = _keep(run, tuning, catalogue, parent)
    for done in folder.glob("fusion-*.jsonl"):
        done.unlink()
    if not trials:
        get_run_logger().warning(
            "users with candidates and validation events: %d; it takes %d to search weights, so all matchers "
            "weigh alike, by score alone",
            *(len(tuning.users), FEWEST_USERS),
        )
    run.counts |= {"trials": len(trials), "diversity": tuning.models[FINAL].diversity}
    run.counts["validation_users"] = len(tuning.users)
    return fusion_id


@step("choose champion")
def choose_champion(run: StageRun, challenger_id: str) -> str:
    """Compare the champion with tonight's challenger, out of fold; returns the id of the one to publish."""
    settings, k = run.settings, run.settings.evaluation.k
    metric = f"ndcg_at_{k}"
    current = run.warehouse.query("current_publication")
    champion_id: str | None = current["fusion_id"][0] if current.height else None
    unusable = None if champion_id is None else _why_unusable(run, champion_id)
    if champion_id is None or unusable:
        decision = without_champion(metric, unusable)
    else:
        catalogue = Catalogue.read(run)
        relevant = catalogue.relevant(run)
        users, of_champion = _out_of_fold_lists(run, catalogue, relevant, champion_id)
        _, of_challenger = _out_of_fold_lists(run, catalogue, relevant, challenger_id)
        decision = decide(
            ndcg_of(of_champion, relevant[users], k),
            ndcg_of(of_challenger, relevant[users], k),
            settings.fusion.promote,
            metric,
            settings.evaluation.resamples,
            settings.seed,
        )
        run.counts["compared_users"] = len(users)
        if decision.keeps:  # evaluation is told of the lists that are published
            _, diverse = _out_of_fold_lists(run, catalogue, relevant, champion_id, diverse=True)
            for name, items in ((MODEL, of_champion), (DIVERSE, diverse)):
                _hand_to_evaluation(run, name, VALIDATION, catalogue.rows(users, items))
    chosen_id = champion_id if decision.keeps and champion_id else challenger_id
    _record_decision(run, decision, champion_id, challenger_id, chosen_id)
    return chosen_id


@step("lists for test")
def lists_for_test(run: StageRun, fusion_id: str) -> None:
    """Make lists for evaluation from the train_validation fit with the frozen weights."""
    catalogue, record = Catalogue.read(run), _record(run, fusion_id)
    model, context = FusionModel.from_record(record), _context(run, catalogue, "train_validation", record)
    candidates = catalogue.candidates(run, "train_validation", model.matchers)
    length = max(run.settings.evaluation.all_k)
    for name, one in ((MODEL, model), (DIVERSE, model.as_diverse)):
        items = one.lists(candidates, context, length)
        _hand_to_evaluation(run, name, TEST, catalogue.rows(candidates.users, items))
    run.counts["test_lists"] = len(candidates.users)


@step("publish")
def publish(run: StageRun, fusion_id: str) -> str:
    """Make every user's lists from the `all` fit and put them in the place of the old ones, in one step."""
    record, catalogue = _record(run, fusion_id), Catalogue.read(run)
    model = FusionModel.from_record(record)
    candidates = catalogue.candidates(run, "all", model.matchers)
    book = check_rules(run.warehouse, run.settings)
    context, length = _context(run, catalogue, "all", record), run.settings.fusion.list_length
    with progress("making lists", 2 * len(candidates.users), "lists") as advance:
        made: list[pl.DataFrame] = []
        for one in (model, model.as_diverse):
            made.append(
                list_rows(candidates, one, context, length, catalogue.user_ids, catalogue.item_ids, book)
            )
            advance(len(candidates.users))
    lists, diverse = made
    effects = rule_effects(lists, candidates.users, candidates.items, book)
    now = datetime.now(UTC)
    publication_id, lists_hash = Publication.identify(lists, now)
    decisions = run.warehouse.query("decision", decision_id=run.run_id)
    decision = decisions.row(0, named=True) if decisions.height else {}
    last = run.warehouse.query("last_made")
    decided_before = last["decision_id"][0] if last.height else None  # where only rules changed since
    publication = Publication(
        publication_id=publication_id,
        fusion_id=fusion_id,
        data_fingerprint=run.fingerprint,
        lists_hash=lists_hash,
        created_at=now,
        made_at=now,
        flow_run_id=run.flow_run_id,
        decision_id=decision.get("decision_id", decided_before),
    )
    publishing.publish(
        run.warehouse,
        Tracking.of(run, data_fingerprint=run.fingerprint),
        publication,
        {
            LISTS: with_reasons(run, lists, publication_id, catalogue),
            DIVERSE_LISTS: with_reasons(run, diverse, publication_id, catalogue),
            CANDIDATES: candidate_rows(candidates, catalogue.user_ids, catalogue.item_ids, publication_id),
            RULE_EFFECTS: effects.with_columns(publication_id=pl.lit(publication_id)),
        },
        publishing.fusion_content(record),
        run.settings.retention.publications,
        {name: decision.get(name) for name in ("outcome", "reason", "champion_id", "challenger_id")},
        _figures(decision),
    )
    _show_effects(run, effects)
    run.counts |= {"users": lists[USER].n_unique(), "recommendations": lists.height}
    return publication_id


@step("are the lists old")
def warn_of_old_lists(run: StageRun) -> None:
    """Warn in the run's log, and by an event that automations can act on, where the lists are too old."""
    found = freshness(run.warehouse, run.settings.fusion.max_list_age_hours, datetime.now(UTC))
    if found and found.alert:
        get_run_logger().warning(found.alert)
        emit_event(
            "polyrec.lists.old",
            resource={"prefect.resource.id": f"polyrec.publication.{found.publication_id}"},
            payload={"age_hours": round(found.age_hours, 1), "alert": found.alert},
        )


def _keep(run: StageRun, tuning: Tuning, catalogue: Catalogue, mlflow_run_id: str) -> str:
    """Keep a search's model, and its lists for evaluation; returns the model's id."""
    on_a, on_b = (tuning.models[fold] for fold in FOLDS)
    users = [catalogue.user_ids[int(user)] for user in tuning.users]
    record = tuning.models[FINAL].to_record()
    fusion_id = fingerprint(run.fingerprint, record)
    model = {
        "fusion_id": fusion_id,
        "fingerprint": _searched_on(run),
        "reranker": run.settings.fusion.reranker,
        "category_cap": (tuning.chosen[FINAL] if tuning.chosen else run.settings.fusion).category_cap,
        **record,
        "folds": FoldModels.of_search((on_a, on_b), users, run.settings.seed).to_json(),
        "mlflow_run_id": mlflow_run_id,
        "created_at": datetime.now(UTC),
    }
    run.warehouse.replace("serving.fusion_models", pl.DataFrame([model]), where={"fusion_id": fusion_id})
    for name, items in ((MODEL, tuning.items), (DIVERSE, tuning.diverse_items)):
        _hand_to_evaluation(run, name, VALIDATION, catalogue.rows(tuning.users, items))
    return fusion_id


def _log_search(tracking: Tracking, parent: str, tuning: Tuning, settings: Settings) -> None:
    """Log what was compared, what was chosen and what it was chosen from."""
    k, compared = settings.evaluation.k, tuning.models[FINAL].model_selection
    tracking.log(parent, **search_record(tuning, settings))
    for path, figure in search_figures(tuning, k).items():
        tracking.log_figure(parent, figure, path)
    if tuning.trials:
        rows = pareto_rows(tuning.trials[FINAL], tuning.chosen[FINAL], tuning.diverse[FINAL])
        create_table_artifact(key="pareto-front", table=rows, description="Validation, all users")
    if compared:
        entries = {name: [asdict(entry) for entry in of_part] for name, of_part in tuning.entries.items()}
        tracking.client.log_dict(parent, entries, "methods.json")
        create_table_artifact(
            key="fusion-methods",
            table=[dict(entry) for entry in compared],
            description=f"NDCG@{k} out of fold on validation, by score alone",
        )


def _why_unusable(run: StageRun, fusion_id: str) -> str | None:
    """Why a fusion model cannot make lists from tonight's scores; None when it can."""
    rows = run.warehouse.query("fusion_model", fusion_id=fusion_id)
    if rows.is_empty():
        return f"fusion model {fusion_id} is no longer kept"
    try:
        models = FoldModels.from_record(rows.row(0, named=True)).models
    except (KeyError, TypeError, ValueError, PolyrecError) as error:
        return f"this version cannot read it ({error})"
    wanted = {name for model in models for name in model.matchers}
    gone = sorted(wanted - set(run.settings.matching.matchers))
    return f"matcher {gone[0]!r} is no longer in [matching] matchers" if gone else None


def _out_of_fold_lists(
    run: StageRun, catalogue: Catalogue, relevant: csr_array, fusion_id: str, diverse: bool = False
) -> tuple[NDArray[np.int64], Codes]:
    """(V,) codes of the users with candidates and relevant items, (V, length) their lists for validation."""
    record = _record(run, fusion_id)
    folds = FoldModels.from_record(record)
    folds = folds.as_diverse if diverse else folds
    found = catalogue.candidates(run, TRAIN, folds.models[0].matchers)
    found = found.take(np.flatnonzero(np.diff(relevant.indptr)[found.users] > 0))
    context = _context(run, catalogue, TRAIN, record)
    return found.users, folds.lists(found, catalogue.user_ids, context, max(run.settings.evaluation.all_k))


def _record_decision(
    run: StageRun, decision: Decision, champion_id: str | None, challenger_id: str, chosen_id: str
) -> None:
    """Keep a decision in the warehouse, beside the search in MLflow, and as an artifact in Prefect."""
    ids = {"champion_id": champion_id, "challenger_id": challenger_id, "chosen_id": chosen_id}
    row = {"decision_id": run.run_id, "decided_at": datetime.now(UTC), **ids, **asdict(decision)}
    figures = dict.fromkeys(DECISION_FIGURES, pl.Float64)
    schema = {"champion_id": pl.String, "users": pl.Int64, **figures}
    run.warehouse.replace(
        "serving.decisions", pl.DataFrame([row], schema_overrides=schema), {"decision_id": run.run_id}
    )
    search = _record(run, challenger_id)["mlflow_run_id"]
    tags = {**ids, "outcome": decision.outcome, "reason": decision.reason}
    Tracking(run.settings).log(search, metrics=_figures(asdict(decision)), tags=tags)
    create_table_artifact(key="champion", table=[{**row, "decided_at": str(row["decided_at"])}])


def _figures(decision: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a decision as MLflow names them."""
    return {f"champion_{name}": decision[name] for name in DECISION_FIGURES if decision.get(name) is not None}


def _searched_on(run: StageRun) -> str:
    """Hash of all that a search depends on: scores and settings, but no rules."""
    scored = [run.warehouse.query("matcher_models", fit=fit)["fingerprint"].to_list() for fit in PARTS_OF_FIT]
    had = held_back(run.warehouse, run.settings, VALIDATION).already_had
    return fingerprint(
        scored,
        run.settings.fusion.model_dump(exclude={"rules", "max_list_age_hours"}),
        run.settings.evaluation.model_dump(exclude={"resamples"}),
        run.settings.seed,
        *([had] if had else []),
    )


def _record(run: StageRun, fusion_id: str) -> dict[str, Any]:
    """The row of a fusion model."""
    return run.warehouse.query("fusion_model", fusion_id=fusion_id).row(0, named=True)


def _context(run: StageRun, catalogue: Catalogue, fit: str, record: Mapping[str, Any]) -> RerankContext:
    """What a kept model re-ranks by: its own method, whatever the settings say now."""
    return catalogue.context(run, fit, record["reranker"], record["category_cap"])


def _hand_to_evaluation(run: StageRun, model: str, part: str, lists: pl.DataFrame) -> None:
    """Lists of a part: evaluation alone says what they are worth."""
    rows = lists.select(pl.lit(model).alias("model"), pl.lit(part).alias("part"), USER, RANK, ITEM)
    run.warehouse.replace("evaluation.lists", rows, where={"model": model, "part": part})


def _show_effects(run: StageRun, effects: pl.DataFrame) -> None:
    """Say what the rules did: in the Prefect UI, and among the run's counts."""
    if effects.height:
        totals = effects_table(effects)
        create_table_artifact(key="rules", table=totals, description="What business rules did to lists")
        run.counts |= {f"rule_{row['rule']}_{row['effect']}": row["items"] for row in totals}
