"""Corpus: plan which texts are missing, write and judge them shard by shard, make the wanted ones live.

A second pass writes each again, where it is asked for.
"""

import time
from collections.abc import Collection

import numpy as np
import polars as pl
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from tasks.content import item_content
from tasks.corpus.measuring import fallback_reasons, measured, quality_counts
from tasks.corpus.nearness import Nearness
from tasks.corpus.rewriting import (
    KEYS,
    decided_rewrites,
    missing_rewrites,
    rewrite_rules,
    rewrite_texts,
    wanted_rewrites,
)
from tasks.corpus.safety.loading import load_rules
from tasks.corpus.standing import Rules, chosen_texts, standing_texts
from tasks.corpus.writing import (
    Key,
    items_of_shard,
    missing_texts,
    number_of_shards,
    wanted_texts,
    write_texts,
)
from tasks.fingerprint import fingerprint
from tasks.models.encoder import DIMENSIONS, Encoder, load_encoder
from tasks.models.engine import Generation
from tasks.models.engines import load_engine
from tasks.stage import StageRun
from tasks.tracking import Tracking
from warehouse.columns import ANGLE, CONTENT, ITEM, SLOT, TEXT_ID, VECTOR
from warehouse.spool import Spool, shard_key


@task(name="plan texts", cache_policy=NO_CACHE)
def plan(run: StageRun) -> list[str]:
    """Recover what a killed run left; return the keys of the shards that still miss texts."""
    corpus = run.settings.corpus
    Spool(run.warehouse).recover()
    items = run.warehouse.query("items_to_recommend")
    wanted = wanted_texts(items, corpus, run.settings.seed)
    missing = missing_texts(wanted, _standing(run))
    run.counts |= {"wanted": wanted.height, "generated": 0, "tokens_generated": 0, "generation_seconds": 0.0}
    run.counts["reused"] = wanted.height - missing.height
    shards = number_of_shards(items.height, corpus.shard_items)
    return sorted({shard_key(item_id, shards) for item_id in missing[ITEM].unique()})


@task(name="write texts", task_run_name="write texts {key}", cache_policy=NO_CACHE)
def write_shard(run: StageRun, key: str) -> int:
    """Write, judge and commit the missing texts of one shard; returns how many places they fill."""
    corpus, seed = run.settings.corpus, run.settings.seed
    items = items_of_shard(run.warehouse.query("items_to_recommend"), key, corpus)
    missing = missing_texts(wanted_texts(items, corpus, seed), _standing(run))
    engine = load_engine(corpus.engine, run.settings.data_folder / "models", corpus.openai)
    first = _drafts(run, missing)
    blocked = run.warehouse.query("known_texts").filter(pl.col("decision") == "blocked")[TEXT_ID]
    rules = load_rules(corpus, set(blocked))
    start = time.perf_counter()
    texts = write_texts(missing, items, corpus, engine, seed, rules, first)
    run.counts["generation_seconds"] += time.perf_counter() - start
    run.counts["generated"] += missing.height
    run.counts["tokens_generated"] += int(texts["n_tokens"].sum())
    for name, value in engine.spent().items():
        run.counts[name] = run.counts.get(name, 0.0) + value
    spool = Spool(run.warehouse)
    spool.commit(spool.write("corpus", "", key, fingerprint(missing), "features.texts", texts))
    return missing.height


@task(name="plan rewriting", cache_policy=NO_CACHE)
def plan_rewriting(run: StageRun) -> list[str]:
    """Return the keys of the shards that the second pass still has to do."""
    counts = dict.fromkeys(("rewritten", "rewrite_tokens", "rewrite_seconds", "rewrites_left"), 0.0)
    wanted, decided = _rewrites(run)
    missing = missing_rewrites(wanted, decided)
    run.counts |= counts | {"rewrites_wanted": wanted.height, "rewrites_left": missing.height}
    shards = number_of_shards(
        run.warehouse.query("items_to_recommend").height, run.settings.corpus.shard_items
    )
    return sorted({shard_key(item_id, shards) for item_id in missing[ITEM].unique()})


@task(name="vectors of items", cache_policy=NO_CACHE)
def item_nearness(run: StageRun) -> Nearness:
    """Vectors of all items: those of the last embedding where they are still right, else made here."""
    start = time.perf_counter()
    words = run.settings.embedding.description_words
    lacking = run.warehouse.query("items_without_vector", words=words)
    stored = run.warehouse.query("item_vectors").join(lacking, on=ITEM, how="anti")
    encode = load_encoder().encode
    made = encode([item_content(*row, words=words) for row in lacking.select(*CONTENT).iter_rows()])
    vectors = np.concatenate([stored[VECTOR].to_numpy().reshape(-1, DIMENSIONS), made])
    run.counts["rewrite_seconds"] += time.perf_counter() - start
    return Nearness(encode, [*stored[ITEM], *lacking[ITEM]], vectors, words)


@task(name="rewrite texts", task_run_name="rewrite texts {key}", cache_policy=NO_CACHE)
def rewrite_shard(run: StageRun, key: str, nearness: Nearness) -> int:
    """Rewrite, judge and commit the texts of one shard while there is time; returns how many."""
    start, corpus, seed = time.perf_counter(), run.settings.corpus, run.settings.seed
    end = start + corpus.rewrite.max_minutes * 60 - run.counts["rewrite_seconds"]
    if start >= end:
        return 0
    items = items_of_shard(run.warehouse.query("items_to_recommend"), key, corpus)
    missing = missing_rewrites(*_rewrites(run, items))
    engine = load_engine(corpus.engine, run.settings.data_folder / "models", corpus.openai)
    blocked = run.warehouse.query("known_texts").filter(pl.col("decision") == "blocked")[TEXT_ID]
    rules = _rewrite_rules(run, set(blocked))
    drafts = _drafts(run, missing)
    texts = rewrite_texts(
        missing, items, corpus, engine, seed, rules, nearness, drafts, lambda: time.perf_counter() < end
    )
    if texts.height:
        spool = Spool(run.warehouse)
        digest = fingerprint(texts.select(TEXT_ID, "status"))
        spool.commit(spool.write("rewriting", "", key, digest, "features.texts", texts))
    run.counts["rewrite_seconds"] += time.perf_counter() - start
    new = texts.filter(
        pl.Series([row not in drafts for row in texts.select(KEYS).iter_rows()], dtype=pl.Boolean)
    )
    run.counts["rewritten"] += new.height
    run.counts["rewrite_tokens"] += int(new["n_tokens"].sum())
    run.counts["rewrites_left"] -= texts.height
    for name, value in engine.spent().items():
        run.counts[f"rewrite_{name}"] = run.counts.get(f"rewrite_{name}", 0.0) + value
    return texts.height


@task(name="make texts live", cache_policy=NO_CACHE)
def make_live(run: StageRun) -> None:
    """Point every (item, slot) at the text that its present content, prompt and seed ask for."""
    live = _firsts(run)
    decided = _rewrites(run)[1] if run.settings.corpus.rewrite.enabled else None
    with run.warehouse.transaction():
        if decided is None:
            run.warehouse.delete("features.rewrites", {})
        else:
            run.warehouse.replace(
                "features.rewrites", decided.select(ITEM, SLOT, "first_text_id", TEXT_ID, "kept", "reason")
            )
            kept = decided.filter("kept")
            live = live.update(
                kept.select(ITEM, SLOT, TEXT_ID, "n_tokens", "whole_sentence"), on=[ITEM, SLOT]
            )
            run.counts["rewrites_kept"] = kept.height
        run.warehouse.replace("features.live_texts", live.select(ITEM, SLOT, TEXT_ID))
    run.counts |= {
        "items": live[ITEM].n_unique(),
        "slots": live[SLOT].n_unique(),
        "tokens": int(live["n_tokens"].sum()),
        "whole_sentences": float(live["whole_sentence"].mean() or 0.0),  # type: ignore[arg-type]
    }
    seconds = run.counts["generation_seconds"]
    run.counts["tokens_per_second"] = run.counts["tokens_generated"] / seconds if seconds else 0.0
    run.fingerprint = fingerprint(live.select(ITEM, SLOT, TEXT_ID))


@task(name="measure texts", cache_policy=NO_CACHE)
def measure(run: StageRun) -> None:
    """Measure the live texts of items that have a new one; keep the run's means."""
    openings = {angle.name: angle.opening for angle in run.settings.corpus.angles}
    rows = measured(run.warehouse.query("live_texts_to_measure"), openings)
    run.warehouse.upsert("features.text_quality", rows)
    run.counts |= quality_counts(run.warehouse.query("text_quality"))
    run.counts["quarantined"] = run.warehouse.query("known_texts").filter("hidden").height


def _standing(run: StageRun) -> pl.DataFrame:
    """The known texts that may be shown."""
    return standing_texts(run.warehouse.query("known_texts"), load_rules(run.settings.corpus).digest)


def _drafts(run: StageRun, missing: pl.DataFrame) -> dict[Key, Generation]:
    """First attempts at missing texts that are already written."""
    drafts = run.warehouse.query("first_drafts", items=missing[ITEM].unique())
    return {
        (item_id, slot, digest): Generation(*written)
        for item_id, slot, digest, *written in drafts.iter_rows()
    }


def _firsts(run: StageRun, items: pl.DataFrame | None = None) -> pl.DataFrame:
    """The text of the first pass that stands in each place, of some items or of all."""
    items = run.warehouse.query("items_to_recommend") if items is None else items
    wanted = wanted_texts(items, run.settings.corpus, run.settings.seed)
    return chosen_texts(wanted, _standing(run))


def _rewrites(run: StageRun, items: pl.DataFrame | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the second pass has to write, and the part of it that is decided."""
    firsts = _firsts(run, items).join(run.warehouse.query("first_texts"), on=TEXT_ID)
    wanted = wanted_rewrites(firsts, run.settings.corpus, run.settings.seed)
    known = run.warehouse.query("known_rewrites")
    return wanted, decided_rewrites(wanted, known, _rewrite_rules(run).digest)


def _rewrite_rules(run: StageRun, blocked: Collection[str] = ()) -> Rules:
    """What decides about the second pass."""
    settings = run.settings
    rules = load_rules(settings.corpus, blocked)
    return rewrite_rules(rules, settings.corpus, Encoder.name, settings.embedding.description_words)


@task(name="show texts", cache_policy=NO_CACHE)
def show(run: StageRun) -> None:
    """Keep counts and a few texts in both UIs."""
    texts = run.warehouse.query("live_texts")
    replaced = fallback_reasons(run.warehouse.query("text_quality"))
    sample = texts.filter(pl.col(ITEM).is_in(texts[ITEM].unique().sort().head(5).implode()))
    lines = ["| item | angle | text | log-probability |", "|---|---|---|---|"]
    lines += [
        f"| {row[ITEM]} | {row[ANGLE]} | {row['text'].replace('|', '/')} | {_number(row['log_prob'])} |"
        for row in sample.iter_rows(named=True)
    ]
    counts = "\n".join(f"- {name}: {value:g}" for name, value in sorted(run.counts.items()))
    reasons = "".join(f"| {kind} | {count} |\n" for kind, count in replaced.items())
    markdown = f"# Recommendation texts\n\n{counts}\n\n" + "\n".join(lines) + "\n"
    markdown += f"\n## Replaced by plain texts\n\n| why | texts |\n|---|---|\n{reasons}"
    if left := int(run.counts.get("rewrites_left", 0)):
        markdown += f"\n{left_over(left, run.settings.corpus.rewrite.max_minutes)}\n"
    create_markdown_artifact(key="texts", markdown=markdown)
    tracking = Tracking(run.settings, {"prefect_flow_run_id": run.flow_run_id})
    with tracking.run("corpus", "texts") as run_id:
        tracking.log(run_id, params=_flat(run), metrics=run.counts)
        tracking.log_text(run_id, markdown, "texts.md")


def left_over(texts: int, minutes: float) -> str:
    """What is said when the second pass ran out of time."""
    return (
        f"{texts:,} texts are not rewritten yet: max_minutes = {minutes:g} in [corpus.rewrite] is over. "
        "The next run goes on with them."
    )


def _number(log_prob: float | None) -> str:
    """A log-probability, which texts of some servers have none of."""
    return "" if log_prob is None else f"{log_prob:.1f}"


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
        "angles": ",".join(angle.name for angle in run.settings.corpus.angles),
        "seed": run.settings.seed,
    }
