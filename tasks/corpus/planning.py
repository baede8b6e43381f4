"""What texts there should be, which of them stand, which are missing, and in which shards these are made."""

import polars as pl

from tasks.corpus.prompts import (
    REWRITE,
    parts_of,
    prompt_hash,
    prompts_for,
    rewrite_prompt,
    sampling_of,
    stored,
    text_seed,
)
from tasks.corpus.safety.prompt_injection import as_data, without_orders
from tasks.items.content import shortened
from tasks.items.item import items_by_id
from tasks.models.engines import engine_identity
from tasks.run.fingerprint import fingerprint
from tasks.settings.corpus import Corpus
from warehouse.columns import ANGLE, ITEM, SLOT, TEXT_ID
from warehouse.spool import number_of_shards, shard_key

KEYS = [ITEM, SLOT, "prompt_hash"]
WANTED = {ITEM: pl.String, SLOT: pl.Int32, ANGLE: pl.String, "prompt": pl.String, "prompt_hash": pl.String}
TO_REWRITE = {**WANTED, "first_text_id": pl.String, "first_text": pl.String}
RELEASED = (pl.col("decision") == "released").fill_null(False)


def wanted_texts(items: pl.DataFrame, corpus: Corpus, seed: int) -> pl.DataFrame:
    """The texts of the first pass: one row per (item, slot), in that order."""
    sampling, engine = sampling_of(corpus), engine_identity(corpus)
    rows = []
    for item_id, item in items_by_id(items).items():
        prompts = prompts_for(corpus, as_data(item))
        for slot, (angle, prompt) in enumerate(zip(corpus.angles, prompts, strict=True)):
            digest = prompt_hash(engine, prompt, sampling, corpus.attempts, text_seed(seed, item_id, slot, 0))
            rows.append((item_id, slot, angle.name, stored(prompt), digest))
    return pl.DataFrame(rows, schema=WANTED, orient="row").sort(ITEM, SLOT)


def missing_texts(wanted: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    """The wanted texts for which no text stands yet."""
    return wanted.join(standing, on=KEYS, how="anti", maintain_order="left")


def standing_texts(known: pl.DataFrame, rules: str) -> pl.DataFrame:
    """What of known_texts.sql may be shown: checked by rules of this digest, or released by an operator."""
    return known.filter(~pl.col("hidden") & (RELEASED | _checked_by(rules)))


def chosen_texts(wanted: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    """The text of every wanted (item, slot): a released one, else a written one, else the plain one."""
    order = pl.when(RELEASED).then(0).when(pl.col("status") != "fallback").then(1).otherwise(2)
    found = wanted.join(standing, on=KEYS).with_columns(order=order)
    found = found.sort(ITEM, SLOT, "order", "attempt", TEXT_ID)
    return found.unique([ITEM, SLOT], keep="first", maintain_order=True).drop("order")


def wanted_rewrites(firsts: pl.DataFrame, corpus: Corpus, seed: int) -> pl.DataFrame:
    """The texts of the second pass: one row per (item, slot), in that order.

    `firsts` are the texts of the first pass: item_id, slot, angle, prompt, text_id, text.
    """
    rows, engine, sampling = [], engine_identity(corpus), vars(sampling_of(corpus))
    for _, texts in firsts.sort(ITEM, SLOT).group_by(ITEM, maintain_order=True):
        together = texts["text"].to_list()
        plain = [shortened(without_orders(text), corpus.quality.max_words) for text in together]
        quoted = [text for text in plain if text]
        for row in texts.iter_rows(named=True):
            prompt = rewrite_prompt(corpus, parts_of(row["prompt"]), quoted, corpus.languages[row[ANGLE]])
            own_seed = text_seed(seed, row[ITEM], row[SLOT], REWRITE)
            digest = fingerprint("rewrite", engine, prompt, together, sampling, own_seed)
            place = row[ITEM], row[SLOT], row[ANGLE]
            rows.append((*place, stored(prompt), digest, row[TEXT_ID], row["text"]))
    return pl.DataFrame(rows, schema=TO_REWRITE, orient="row")


def decided_rewrites(wanted: pl.DataFrame, known: pl.DataFrame, rules: str) -> pl.DataFrame:
    """The wanted rewrites that rules of this digest decided (known_rewrites.sql): `kept`, and why."""
    kept = RELEASED | ((pl.col("status") == "ok") & ~pl.col("hidden"))
    found = wanted.join(known.filter(RELEASED | _checked_by(rules)), on=KEYS).with_columns(kept=kept)
    found = found.sort(ITEM, SLOT, "kept", TEXT_ID, descending=[False, False, True, False])
    return found.unique([ITEM, SLOT], keep="first", maintain_order=True)


def missing_rewrites(wanted: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """All wanted rewrites of the items that lack a verdict for one: an item's texts are decided together."""
    lacking = wanted.join(decided, on=KEYS, how="anti")
    return wanted.join(lacking, on=ITEM, how="semi", maintain_order="left")


def shards_of(missing: pl.DataFrame, wanted: pl.DataFrame, shard_items: int) -> dict[str, pl.DataFrame]:
    """Rows of texts by the key of the shard that they belong to, in the order of the keys.

    How many shards there are follows from all that is wanted, not from what is missing.
    """
    shards = number_of_shards(wanted[ITEM].n_unique(), shard_items)
    item_ids = missing[ITEM].unique()
    keys = pl.Series("shard", [shard_key(item_id, shards) for item_id in item_ids], dtype=pl.String)
    keyed = missing.join(pl.DataFrame([item_ids, keys]), on=ITEM, maintain_order="left")
    parts = keyed.partition_by("shard", as_dict=True, include_key=False)
    return {key: parts[key,] for key in sorted(key for (key,) in parts)}


def _checked_by(rules: str) -> pl.Expr:
    return (pl.col("rules") == rules).fill_null(False)
