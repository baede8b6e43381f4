"""`polyrec relevance`: a language model, its student and a cross-encoder on a sample of users."""

from collections.abc import Mapping
from typing import Any

from prefect import flow

from flows.common import run_name, stage
from tasks.items.recommendable import recommendable_items, relevant_events
from tasks.matching.pairs import steps
from tasks.matching.pairs.cross_encoder import CrossEncoder
from tasks.run.fingerprint import fingerprint
from tasks.run.stage import StageRun
from tasks.run.tracking import Tracking
from tasks.studies.rescoring import Sample, rescoring
from warehouse.columns import FIT, MATCHER, TRAIN, VALIDATION


@flow(name="relevance", flow_run_name=run_name)
def relevance(config: str | None = None) -> dict[str, Any]:
    """Ask the language model, tune the cross-encoder, and judge both beside the other matchers."""
    with stage(config, "relevance") as run:
        steps.label_relevance(run)
        steps.cross_encode(run)
        sample = _read(run)
        run.fingerprint = fingerprint(sample.judged["prompt_hash"].to_list())
        answer = {
            "dataset": run.settings.data.source,
            "protocol": run.settings.data.protocol,
            "seed": run.settings.seed,
            **rescoring(sample, run.settings),
        }
        answer["cross_encoder"] = _cost_of_cross_encoder(run, answer["pairs"])
        _track(run, answer)
    return answer


def _read(run: StageRun) -> Sample:
    warehouse, settings = run.warehouse, run.settings
    window, pairs = steps.train_window(run), steps.sample(run)
    matchers = warehouse.query("matcher_models", fit=TRAIN)[MATCHER].to_list()
    return Sample(
        window=window,
        pairs=pairs,
        scores=warehouse.query("candidate_scores", fit=TRAIN, matchers=matchers),
        judged=warehouse.query("relevance", fit=TRAIN),
        cross_encoded=warehouse.query("pair_scores", fit=TRAIN, matcher=CrossEncoder.name),
        held=relevant_events(warehouse, settings, VALIDATION),
        items=warehouse.query("items"),
        recommendable=recommendable_items(warehouse, settings, TRAIN),
    )


def _cost_of_cross_encoder(run: StageRun, n_pairs: int) -> dict[str, float]:
    models = run.warehouse.query("pair_models", fit=TRAIN)
    row = next(row for row in models.iter_rows(named=True) if row[MATCHER] == CrossEncoder.name)
    return {
        "fit_seconds": row["fit_seconds"],
        "score_seconds": row["score_seconds"],
        "ms_a_pair": 1000 * row["score_seconds"] / max(1, n_pairs),
    }


def _track(run: StageRun, answer: Mapping[str, Any]) -> None:
    """A run of MLflow for each of the three, below one for the sample."""
    tracking = Tracking.of(run, fit=TRAIN)
    matching, k = run.settings.matching, answer["k"]
    name = f"ndcg_at_{k}"
    parameters = {
        "language_model": matching.relevance.model_dump(),
        "relevance_student": matching.relevance_student.model_dump(),
        "cross_encoder": matching.cross_encoder.model_dump(),
    }
    costs = {
        "language_model": answer["language_model"],
        "relevance_student": {key: answer["student"][key] for key in ("fit_seconds", "ms_a_pair")}
        | {"rank_correlation": answer["student"]["rank_correlation"]["value"]},
        "cross_encoder": answer["cross_encoder"],
    }
    with tracking.run("matching", "pairs of a sample") as parent:
        whole = {key: answer[key] for key in ("users", "judged_users", "pairs", "texts", "tokens")}
        tracking.log(
            parent, params={**matching.relevance.model_dump(), "seed": answer["seed"]}, metrics=whole
        )
        tracking.log_dict(parent, dict(answer), "answer.json")
        alone = {row["model"]: row for row in answer["models"]}
        added = {row["with"]: row for row in answer["fusion"]}
        for model, section in parameters.items():
            metrics = {f"val_sample_{name}": alone[model][name], **costs[model]}
            metrics |= {
                f"val_sample_fusion_{name}": added[model][name],
                f"val_sample_fusion_{name}_difference": added[model]["difference"],
            }
            with tracking.run("matching", f"{model}, sample", {FIT: TRAIN}, parent) as run_id:
                tracking.log(run_id, params={"matcher": model, **section}, metrics=metrics)
