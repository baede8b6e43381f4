"""Which texts are missing, and how a shard of items gets them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from tasks.corpus.acceptance import Draft, Verdict, judge
from tasks.corpus.fallback import fallback_text
from tasks.corpus.prompts import prompt_hash, prompts_for, text_seed
from tasks.corpus.safety.prompt_injection import as_data
from tasks.corpus.shards import Key
from tasks.corpus.standing import Rules
from tasks.items.item import Item, items_by_id
from tasks.models.engine import Engine, Generation, Prompt, Sampling, opening_of
from tasks.models.engines import engine_identity
from tasks.run.fingerprint import fingerprint
from tasks.settings.corpus import Corpus
from warehouse.columns import ANGLE, ITEM, SLOT, TEXT_ID

SEPARATOR = "\x1e"  # between the parts of a stored prompt
SCORED_AT_ONCE = 16  # fallbacks: their logits are kept for every place, over the whole vocabulary

WANTED = {
    ITEM: pl.String,
    SLOT: pl.Int32,
    ANGLE: pl.String,
    "prompt": pl.String,
    "prompt_hash": pl.String,
}
ROWS = {
    TEXT_ID: pl.String,
    ITEM: pl.String,
    SLOT: pl.Int32,
    ANGLE: pl.String,
    "engine": pl.String,
    "prompt_hash": pl.String,
    "prompt": pl.String,
    "pass": pl.Int32,
    "attempt": pl.Int32,
    "seed": pl.Int64,
    "text": pl.String,
    "log_prob": pl.Float64,
    "n_tokens": pl.Int32,
    "whole_sentence": pl.Boolean,
    "status": pl.String,
    "reason": pl.String,
    "rules": pl.String,
}


def sampling_of(corpus: Corpus) -> Sampling:
    """How tokens are drawn, by the settings."""
    return Sampling(corpus.max_new_tokens, corpus.temperature, corpus.top_k)


def wanted_texts(items: pl.DataFrame, corpus: Corpus, seed: int) -> pl.DataFrame:
    """Every text that should be live: one row per (item, slot), in that order.

    Args:
        items: item_id, title, year, categories, description, content; other columns are not looked at.
        corpus: angles, engine, sampling.
        seed: of the run.
    """
    sampling, engine = sampling_of(corpus), engine_identity(corpus)
    rows = []
    for item_id, item in items_by_id(items).items():
        prompts = prompts_for(corpus, as_data(item))
        for slot, (angle, prompt) in enumerate(zip(corpus.angles, prompts, strict=True)):
            digest = prompt_hash(engine, prompt, sampling, corpus.attempts, text_seed(seed, item_id, slot, 0))
            rows.append((item_id, slot, angle.name, SEPARATOR.join(prompt), digest))
    return pl.DataFrame(rows, schema=WANTED, orient="row").sort(ITEM, SLOT)


def missing_texts(wanted: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    """The wanted texts that no text stands for.

    Args:
        wanted: from `wanted_texts`.
        standing: item_id, slot, prompt_hash of texts in the warehouse that may be shown.
    """
    keys = [ITEM, SLOT, "prompt_hash"]
    return wanted.join(standing, on=keys, how="anti", maintain_order="left")


def write_texts(
    missing: pl.DataFrame,
    items: pl.DataFrame,
    corpus: Corpus,
    engine: Engine,
    seed: int,
    rules: Rules,
    first: Mapping[Key, Generation] | None = None,
) -> pl.DataFrame:
    """Write the texts of one shard; returns rows of features.texts.

    Items are read in batches of like length, since a batch is padded to its longest. What does not stand is
    tried again with another seed, all batches' together. Where no attempt stands a plain text takes the
    place; an unsafe attempt is kept beside it, quarantined.

    Args:
        missing: rows of `wanted_texts`.
        items: the items they are about, as for `wanted_texts`.
        corpus: engine, angles, sampling, thresholds.
        engine: writes them.
        seed: of the run.
        rules: decide what stands.
        first: first attempts that are already written: they are judged again, not written again.
    """
    lengths = [engine.prompt_length(parts_of(prompt)) for prompt in missing["prompt"]]
    missing = missing.with_columns(length=pl.Series(lengths, dtype=pl.Int64))
    missing = missing.sort(pl.col("length").max().over(ITEM), ITEM, SLOT)
    wanted = list(missing.iter_rows(named=True))
    about = items_by_id(items)
    languages = {angle.name: angle.language for angle in corpus.angles}
    rows: list[dict[str, Any]] = []
    faults: list[str | None] = [None] * len(wanted)
    waiting = list(range(len(wanted)))
    for attempt in range(corpus.attempts):
        again = []
        for batch in batches(waiting, corpus.batch_items * len(corpus.angles)):
            seeds = [text_seed(seed, wanted[row][ITEM], wanted[row][SLOT], attempt) for row in batch]
            written = written_texts(
                [wanted[row] for row in batch], seeds, corpus, engine, {} if attempt else first or {}
            )
            drafts = [
                Draft(
                    one.text,
                    one.whole_sentence,
                    opening_in(wanted[row]),
                    about[wanted[row][ITEM]],
                    languages[wanted[row][ANGLE]],
                )
                for row, one in zip(batch, written, strict=True)
            ]
            verdicts = judge(drafts, corpus.quality, rules.safety)
            for row, row_seed, one, verdict in zip(batch, seeds, written, verdicts, strict=True):
                made = text_row(wanted[row], corpus, rules, attempt, row_seed, one, verdict)
                if made[TEXT_ID] in rules.blocked:
                    verdict = Verdict("blocked: by an operator")
                if verdict.good:
                    rows.append(made | {"reason": faults[row] and f"attempt {attempt} before: {faults[row]}"})
                    continue
                if verdict.unsafe:
                    rows.append(made)
                faults[row] = verdict.unsafe or verdict.fault
                again.append(row)
        waiting = again
    rows += _fallbacks([(wanted[row], faults[row] or "") for row in waiting], about, corpus, engine, rules)
    return pl.DataFrame(rows, schema=ROWS, orient="row").sort(ITEM, SLOT, "attempt", "status")


def fallback_row(
    wanted: Mapping[str, Any], item: Item, corpus: Corpus, rules: Rules, reason: str
) -> dict[str, Any]:
    """A row of features.texts with the plain text of an item and angle; `scored` completes it.

    Args:
        wanted: item_id, slot, angle, prompt, prompt_hash.
        item: what the text is about.
        corpus: what an item is called.
        rules: a title or category that breaks a safety rule is left out.
        reason: why no written text stands.
    """
    text = fallback_text(
        item, corpus.noun, wanted[ANGLE], lambda part: rules.safety([part], [item]) == [None]
    )
    plain = Generation(text, 0, 0.0, True)
    row = text_row(wanted, corpus, rules, corpus.attempts, 0, plain, Verdict())
    return row | {"status": "fallback", "reason": reason}


def scored(rows: Sequence[dict[str, Any]], engine: Engine) -> list[dict[str, Any]]:
    """Rows with their tokens counted, and log p(text | prompt without the opening) in nats."""
    done = []
    for start in range(0, len(rows), SCORED_AT_ONCE):
        some = rows[start : start + SCORED_AT_ONCE]
        texts = [row["text"] for row in some]
        log_probs = engine.log_prob([parts_of(row["prompt"])[:-1] for row in some], texts)
        done += [
            row | {"log_prob": float(log_prob), "n_tokens": engine.prompt_length((row["text"],))}
            for row, log_prob in zip(some, log_probs, strict=True)
        ]
    return done


def _fallbacks(
    wanted: Sequence[tuple[Mapping[str, Any], str]],
    about: Mapping[str, Item],
    corpus: Corpus,
    engine: Engine,
    rules: Rules,
) -> list[dict[str, Any]]:
    rows = [fallback_row(one, about[one[ITEM]], corpus, rules, fault) for one, fault in wanted]
    return scored(rows, engine)


def written_texts(
    wanted: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    corpus: Corpus,
    engine: Engine,
    first: Mapping[Key, Generation],
) -> list[Generation]:
    """One text for each, written unless it is among `first`."""
    known = [first.get((one[ITEM], one[SLOT], one["prompt_hash"])) for one in wanted]
    new = [place for place, one in enumerate(known) if one is None]
    prompts = [parts_of(wanted[place]["prompt"]) for place in new]
    written = iter(
        engine.generate(prompts, sampling_of(corpus), [seeds[place] for place in new]) if new else ()
    )
    return [one or next(written) for one in known]


def opening_in(wanted: Mapping[str, Any]) -> str:
    """How the prompt lets the text begin."""
    return opening_of(parts_of(wanted["prompt"]))


def parts_of(prompt: str) -> Prompt:
    """A prompt as it is stored, in its parts again."""
    return tuple(prompt.split(SEPARATOR))


def batches(rows: list[int], most: int) -> Iterator[list[int]]:
    """Cut rows into as few batches as may be, of like size.

    >>> list(batches([0, 1, 2, 3, 4], 3))
    [[0, 1, 2], [3, 4]]
    """
    count = -(-len(rows) // most)
    bounds = [-(-len(rows) * at // count) for at in range(count + 1)] if count else []
    for start, stop in pairwise(bounds):
        yield rows[start:stop]


def text_row(
    wanted: Mapping[str, Any],
    corpus: Corpus,
    rules: Rules,
    attempt: int,
    seed: int,
    written: Generation,
    verdict: Verdict,
) -> dict[str, Any]:
    """A row of features.texts, as one of the first pass."""
    return {
        TEXT_ID: fingerprint(wanted[ITEM], wanted[SLOT], wanted["prompt_hash"], seed, written.text),
        **{key: wanted[key] for key in WANTED},
        "engine": corpus.written_by,
        "pass": 1,
        "attempt": attempt,
        "seed": seed,
        "text": written.text,
        "log_prob": written.log_prob,
        "n_tokens": written.n_tokens,
        "whole_sentence": written.whole_sentence,
        "status": "quarantined" if verdict.unsafe else "ok",
        "reason": verdict.unsafe,
        "rules": rules.digest,
    }
