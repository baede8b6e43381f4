"""`polyrec relevance`: a language model, its student and a cross-encoder beside the other matchers."""

from typing import Any

import polars as pl

from tasks.fusion.tuning import FEWEST_USERS
from tasks.items.recommendable import recommendable_items, relevant_events
from tasks.matching.data import Fit
from tasks.matching.pairs.cross_encoder import CrossEncoder
from tasks.run.fingerprint import fingerprint
from tasks.run.stage import StageRun
from tasks.run.tracking import Tracking
from tasks.studies.rescoring import Rescoring, Sample
from tasks.studies.window import too_few_users
from warehouse.columns import FIT, MATCHER, TRAIN, USER, VALIDATION

ABOUT = "What matchers that score pairs only are worth on a sample of users, alone and beside the others."


def check_judged(run: StageRun, pairs: pl.DataFrame) -> None:
    """Refuse a sample (user_id, item_id) that cannot be judged, before a language model reads for minutes.

    Raises:
        PolyrecError: fewer than two of its users have anything held back.
    """
    events = relevant_events(run.warehouse, run.settings, VALIDATION)
    users = events.join(pairs, on=USER, how="semi")[USER].n_unique()
    if users < FEWEST_USERS:
        raise too_few_users(users)


def compare_on_sample(run: StageRun, window: Fit, pairs: pl.DataFrame) -> dict[str, Any]:
    """Compare the models on the sample, keep that in MLflow; returns what is printed.

    Args:
        run: of the study; its relevance labels and the cross-encoder's scores are written.
        window: fit `train`.
        pairs: of the sample: user_id, item_id.
    """
    warehouse, settings = run.warehouse, run.settings
    matchers = warehouse.query("matcher_models", fit=TRAIN)[MATCHER].to_list()
    sample = Sample(
        window=window,
        pairs=pairs,
        scores=warehouse.query("candidate_scores", fit=TRAIN, matchers=matchers),
        labels=warehouse.query("relevance", fit=TRAIN),
        cross_encoded=warehouse.query("pair_scores", fit=TRAIN, matcher=CrossEncoder.name),
        relevant=relevant_events(warehouse, settings, VALIDATION),
        items=warehouse.query("items"),
        recommendable=recommendable_items(warehouse, settings, TRAIN),
    )
    run.fingerprint = fingerprint(sample.labels["prompt_hash"].to_list())
    data = settings.data
    answer = {"dataset": data.source, "protocol": data.protocol, "seed": settings.seed}
    answer |= Rescoring(sample, settings).answer()
    models = warehouse.query("pair_models", fit=TRAIN)
    cost = models.row(by_predicate=pl.col(MATCHER) == CrossEncoder.name, named=True)
    answer["cross_encoder"] = {
        "fit_seconds": cost["fit_seconds"],
        "score_seconds": cost["score_seconds"],
        "ms_a_pair": 1000 * cost["score_seconds"] / max(1, answer["pairs"]),
    }
    _track(run, answer)
    return answer


def _track(run: StageRun, answer: dict[str, Any]) -> None:
    """A run of MLflow for each of the three, below one for the sample."""
    tracking = Tracking.of(run, fit=TRAIN)
    matching, ndcg = run.settings.matching, f"ndcg_at_{answer['k']}"
    student = {key: answer["student"][key] for key in ("fit_seconds", "ms_a_pair")}
    student["rank_correlation"] = answer["student"]["rank_correlation"]["value"]
    models = {
        "language_model": (matching.relevance, answer["language_model"]),
        "relevance_student": (matching.relevance_student, student),
        "cross_encoder": (matching.cross_encoder, answer["cross_encoder"]),
    }
    with tracking.run("matching", "pairs of a sample", about=ABOUT) as parent:
        whole = {key: answer[key] for key in ("users", "judged_users", "pairs", "texts", "tokens")}
        parameters = {**matching.relevance.model_dump(), "seed": answer["seed"]}
        tracking.log(parent, params=parameters, metrics=whole)
        tracking.client.log_dict(parent, answer, "answer.json")
        alone = {row["model"]: row for row in answer["models"]}
        added = {row["with"]: row for row in answer["fusion"]}
        for model, (section, cost) in models.items():
            metrics = {
                f"val_sample_{ndcg}": alone[model][ndcg],
                f"val_sample_fusion_{ndcg}": added[model][ndcg],
                f"val_sample_fusion_{ndcg}_difference": added[model]["difference"],
                **cost,
            }
            tags = {FIT: TRAIN, MATCHER: model}
            with tracking.run("matching", f"{model}, sample", tags, parent) as run_id:
                tracking.log(run_id, params={"matcher": model, **section.model_dump()}, metrics=metrics)
