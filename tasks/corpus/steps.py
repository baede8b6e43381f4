"""Corpus: plan which texts are missing, write and check them shard by shard, make the wanted ones live.

A second pass writes each again, where the settings ask for it.
"""

import time
from typing import NamedTuple

import polars as pl
from prefect.artifacts import create_markdown_artifact

from tasks.corpus import rewriting
from tasks.corpus.acceptance import Rules
from tasks.corpus.metrics import fallback_reasons, metrics_of, quality_counts
from tasks.corpus.planning import missing_texts, shards_of, standing_texts, wanted_texts
from tasks.corpus.safety.check import load_rules
from tasks.corpus.similarity import Similarity
from tasks.corpus.writing import Writer, write_texts
from tasks.models.encoder import load_encoder
from tasks.models.engine import Engine
from tasks.models.engines import load_engine
from tasks.run.fingerprint import fingerprint
from tasks.run.stage import StageRun
from tasks.run.step import step
from tasks.run.tracking import Tracking
from warehouse.columns import ANGLE, ITEM, SLOT, TEXT_ID
from warehouse.spool import Spool


class Plan(NamedTuple):
    """What the stage has to do."""

    wanted: pl.DataFrame  # rows of `wanted_texts`, of all items
    shards: dict[str, pl.DataFrame]  # those of them that are missing, by the key of their shard


@step("plan texts")
def plan(run: StageRun) -> Plan:
    """Recover what a killed run left; find the texts that there should be and those that are missing."""
    corpus = run.settings.corpus
    Spool(run.warehouse).recover()
    wanted = wanted_texts(run.warehouse.query("items_to_recommend"), corpus, run.settings.seed)
    known = run.warehouse.query("known_texts")
    missing = missing_texts(wanted, standing_texts(known, _rules(run).digest))
    run.counts |= {"wanted": wanted.height, "generated": 0, "tokens_generated": 0, "generation_seconds": 0.0}
    run.counts["reused"] = wanted.height - missing.height
    return Plan(wanted, shards_of(missing, wanted, corpus.shard_items))


@step("write texts", "write texts {key}")
def write_shard(run: StageRun, key: str, missing: pl.DataFrame) -> int:
    """Write, check and commit the missing texts of one shard, as planned; returns how many there are."""
    engine = load_engine(run.settings.corpus, run.settings.models_folder)
    writer = Writer.of_shard(run.warehouse, run.settings, engine, _rules(run), missing)
    start = time.perf_counter()
    texts = write_texts(missing, writer)
    run.counts["generation_seconds"] += time.perf_counter() - start
    run.counts["generated"] += missing.height
    run.counts["tokens_generated"] += int(texts["n_tokens"].sum())
    _spend(run, engine)
    spool = Spool(run.warehouse)
    spool.commit(spool.write("corpus", "", key, fingerprint(missing), "features.texts", texts))
    return missing.height


@step("plan rewriting")
def plan_rewriting(run: StageRun, wanted: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return what the second pass still has to write, by the key of its shard."""
    found = rewriting.rewrites(run.warehouse, run.settings, _rules(run), wanted)
    run.counts |= {"rewritten": 0, "rewrite_tokens": 0, "rewrite_seconds": 0.0}
    run.counts |= {"rewrites_wanted": found.wanted.height, "rewrites_left": found.missing.height}
    return shards_of(found.missing, wanted, run.settings.corpus.shard_items)


@step("vectors of items")
def item_similarity(run: StageRun) -> Similarity:
    """Return the vectors of all items, which say whether a text leads back to its own."""
    start = time.perf_counter()
    words = run.settings.embedding.description_words
    similarity = rewriting.similarity_of(run.warehouse, load_encoder().encode, words)
    run.counts["rewrite_seconds"] += time.perf_counter() - start
    return similarity


@step("rewrite texts", "rewrite texts {key}")
def rewrite_shard(run: StageRun, key: str, missing: pl.DataFrame, similarity: Similarity) -> int:
    """Rewrite, check and commit the texts of one shard, as long as there is time; returns how many."""
    start, corpus = time.perf_counter(), run.settings.corpus
    end = start + corpus.rewrite.max_minutes * 60 - run.counts["rewrite_seconds"]
    if start >= end:
        return 0
    engine = load_engine(corpus, run.settings.models_folder)
    about = run.warehouse, run.settings, key, missing, engine, _rules(run), similarity
    done = rewriting.rewrite_shard(*about, in_time=lambda: time.perf_counter() < end)
    run.counts["rewrite_seconds"] += time.perf_counter() - start
    run.counts["rewritten"] += done.new.height
    run.counts["rewrite_tokens"] += int(done.new["n_tokens"].sum())
    run.counts["rewrites_left"] -= done.texts.height
    _spend(run, engine, "rewrite_")
    return done.texts.height


@step("make texts live")
def make_live(run: StageRun, wanted: pl.DataFrame) -> None:
    """Point every (item, slot) at the text that its present content, prompt and seed ask for."""
    live = rewriting.make_live(run.warehouse, run.settings, _rules(run), wanted)
    if run.settings.corpus.rewrite.enabled:
        run.counts["rewrites_kept"] = int(run.warehouse.query("rewrites")["kept"].sum())
    run.counts |= {
        "items": live[ITEM].n_unique(),
        "slots": live[SLOT].n_unique(),
        "tokens": int(live["n_tokens"].sum()),
        "whole_sentences": float(live["whole_sentence"].mean() or 0.0),  # type: ignore[arg-type]
    }
    seconds = run.counts["generation_seconds"]
    run.counts["tokens_per_second"] = run.counts["tokens_generated"] / seconds if seconds else 0.0
    run.fingerprint = fingerprint(live.select(ITEM, SLOT, TEXT_ID))


@step("compute text metrics")
def compute_metrics(run: StageRun) -> None:
    """Compute the metrics of the live texts of items that have a new one; keep the run's means."""
    rows = metrics_of(run.warehouse.query("live_texts_for_metrics"), run.settings.corpus.languages)
    run.warehouse.upsert("features.text_quality", rows)
    run.counts |= quality_counts(run.warehouse.query("text_quality"))
    run.counts["quarantined"] = run.warehouse.query("known_texts").filter("hidden").height


def _rules(run: StageRun) -> Rules:
    """What decides whether a text stands."""
    blocked = set(run.warehouse.query("blocked_texts")[TEXT_ID])
    return load_rules(run.settings.corpus, run.settings.models_folder, blocked)


def _spend(run: StageRun, engine: Engine, prefix: str = "") -> None:
    """Count what an engine's server was paid for since it was last asked."""
    for name, value in engine.spent().items():
        run.counts[prefix + name] = run.counts.get(prefix + name, 0.0) + value


def left_over(texts: int, minutes: float) -> str:
    """What is said when the second pass ran out of time."""
    return (
        f"{texts:,} texts are not rewritten yet: max_minutes = {minutes:g} in [corpus.rewrite] is over. "
        "The next run goes on with them."
    )


@step("show texts")
def show(run: StageRun) -> None:
    """Keep counts and a few texts in both UIs."""
    texts = run.warehouse.query("live_texts")
    replaced = fallback_reasons(run.warehouse.query("text_quality"))
    sample = texts.filter(pl.col(ITEM).is_in(texts[ITEM].unique().sort().head(5).implode()))
    lines = ["| item | angle | text | log-probability |", "|---|---|---|---|"]
    for row in sample.iter_rows(named=True):
        # Texts of some servers have no log-probability.
        log_prob = "" if row["log_prob"] is None else f"{row['log_prob']:.1f}"
        lines.append(f"| {row[ITEM]} | {row[ANGLE]} | {row['text'].replace('|', '/')} | {log_prob} |")
    counts = "\n".join(f"- {name}: {value:g}" for name, value in sorted(run.counts.items()))
    reasons = "".join(f"| {kind} | {count} |\n" for kind, count in replaced.items())
    markdown = f"# Recommendation texts\n\n{counts}\n\n" + "\n".join(lines) + "\n"
    markdown += f"\n## Replaced by plain texts\n\n| why | texts |\n|---|---|\n{reasons}"
    if left := int(run.counts.get("rewrites_left", 0)):
        markdown += f"\n{left_over(left, run.settings.corpus.rewrite.max_minutes)}\n"
    create_markdown_artifact(key="texts", markdown=markdown)
    tracking = Tracking.of(run)
    with tracking.run("corpus", "texts") as run_id:
        tracking.log(run_id, params=_flat(run), metrics=run.counts)
        tracking.client.log_text(run_id, markdown, "texts.md")


def _flat(run: StageRun) -> dict[str, object]:
    """The corpus settings as parameters; angles by name, the server's where one writes."""
    corpus = run.settings.corpus
    sections = ("quality", "safety", "rewrite", *(["openai"] if corpus.engine == "openai" else []))
    nested = {
        f"{section}.{key}": value
        for section in sections
        for key, value in getattr(corpus, section).model_dump().items()
    }
    return {
        **corpus.model_dump(exclude={"angles", "quality", "safety", "rewrite", "openai"}),
        **nested,
        "angles": ",".join(corpus.languages),
        "seed": run.settings.seed,
    }
