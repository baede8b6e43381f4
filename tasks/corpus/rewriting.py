"""The second pass: each text of an item is written again so that it says what the others do not.

The model reads the item's facts and its first texts. What it writes takes the place of a first text only
where `nearness.replacements` allows it and all rules of the first pass hold; both stay in features.texts.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from tasks.corpus.acceptance import Draft, Verdict, judge
from tasks.corpus.prompts import rewrite_prompt, text_seed
from tasks.corpus.safety.prompt_injection import with_texts, without_orders
from tasks.corpus.shards import Key
from tasks.corpus.similarity import Nearness, replacements
from tasks.corpus.standing import Rules
from tasks.corpus.writing import (
    ROWS,
    SEPARATOR,
    WANTED,
    batches,
    opening_in,
    parts_of,
    sampling_of,
    text_row,
    written_texts,
)
from tasks.items.content import shortened
from tasks.items.item import Item, items_by_id
from tasks.models.engine import Engine, Generation
from tasks.models.engines import engine_identity
from tasks.run.fingerprint import fingerprint
from tasks.settings.corpus import Corpus
from warehouse.columns import ANGLE, ITEM, SLOT, TEXT_ID

KEYS = [ITEM, SLOT, "prompt_hash"]
PASS = 2
TO_REWRITE = {**WANTED, "first_text_id": pl.String, "first_text": pl.String}


def rewrite_rules(rules: Rules, corpus: Corpus, encoder: str, words: int) -> Rules:
    """Return the rules of the first pass with a digest that also stands for those about vectors.

    Args:
        rules: of the first pass.
        corpus: says what is near enough.
        encoder: name of the one whose vectors decide.
        words: of a description, and of each declared column, so many are encoded.
    """
    return rules._replace(digest=fingerprint(rules.digest, corpus.rewrite.max_item_rank, encoder, words))


def wanted_rewrites(firsts: pl.DataFrame, corpus: Corpus, seed: int) -> pl.DataFrame:
    """What the second pass writes: one row per (item, slot), in that order.

    Args:
        firsts: item_id, slot, angle, prompt of the texts of the first pass, with their text_id and text.
        corpus: engine, sampling, the longest text.
        seed: of the run.
    """
    languages = {angle.name: angle.language for angle in corpus.angles}
    rows, engine = [], engine_identity(corpus)
    for _, texts in firsts.sort(ITEM, SLOT).group_by(ITEM, maintain_order=True):
        together = texts["text"].to_list()
        plain = [shortened(without_orders(text), corpus.quality.max_words) for text in together]
        for row in texts.iter_rows(named=True):
            prompt = rewrite_prompt(
                corpus, parts_of(row["prompt"]), [text for text in plain if text], languages[row[ANGLE]]
            )
            digest = fingerprint(
                "rewrite",
                engine,
                prompt,
                together,
                vars(sampling_of(corpus)),
                rewrite_seed(seed, row[ITEM], row[SLOT]),
            )
            place = row[ITEM], row[SLOT], row[ANGLE]
            rows.append((*place, SEPARATOR.join(prompt), digest, row[TEXT_ID], row["text"]))
    return pl.DataFrame(rows, schema=TO_REWRITE, orient="row")


def rewrite_seed(seed: int, item_id: str, slot: int) -> int:
    """The seed of a second pass: that of an attempt which the first never makes."""
    return text_seed(seed, item_id, slot, -1)


def decided_rewrites(wanted: pl.DataFrame, known: pl.DataFrame, rules: str) -> pl.DataFrame:
    """The wanted rewrites that there is a verdict for: `kept`, with its reason.

    Args:
        wanted: from `wanted_rewrites`.
        known: columns of known_rewrites.sql.
        rules: digest of `rewrite_rules`.
    """
    released = (pl.col("decision") == "released").fill_null(False)
    judged = (pl.col("rules") == rules).fill_null(False)
    kept = released | ((pl.col("status") == "ok") & ~pl.col("hidden"))
    found = wanted.join(known.filter(released | judged), on=KEYS).with_columns(kept=kept)
    found = found.sort(ITEM, SLOT, "kept", TEXT_ID, descending=[False, False, True, False])
    return found.unique([ITEM, SLOT], keep="first", maintain_order=True)


def missing_rewrites(wanted: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """All wanted rewrites of the items that lack a verdict for one: an item's texts are decided together."""
    lacking = wanted.join(decided, on=KEYS, how="anti")
    return wanted.join(lacking, on=ITEM, how="semi", maintain_order="left")


def rewrite_texts(
    missing: pl.DataFrame,
    items: pl.DataFrame,
    corpus: Corpus,
    engine: Engine,
    seed: int,
    rules: Rules,
    nearness: Nearness,
    drafts: Mapping[Key, Generation] | None = None,
    in_time: Callable[[], bool] = lambda: True,
) -> pl.DataFrame:
    """Write the texts of items again and judge them; returns rows of features.texts.

    Args:
        missing: rows of `missing_rewrites`.
        items: the items they are about, as for `wanted_texts`.
        corpus: engine, sampling, thresholds.
        engine: writes them.
        seed: of the run.
        rules: from `rewrite_rules`.
        nearness: decides what is kept.
        drafts: texts that are already written: they are judged again, not written again.
        in_time: asked before each batch of items; once it says no, the rest stays missing.
    """
    lengths = [engine.prompt_length(parts_of(prompt)) for prompt in missing["prompt"]]
    ordered = missing.with_columns(length=pl.Series(lengths, dtype=pl.Int64))
    ordered = ordered.sort(pl.col("length").max().over(ITEM), ITEM, SLOT)
    by_item: dict[str, list[dict[str, Any]]] = {}
    for row in ordered.iter_rows(named=True):
        by_item.setdefault(row[ITEM], []).append(row)
    of_items, about = list(by_item.values()), items_by_id(items)
    rows: list[dict[str, Any]] = []
    for batch in batches(list(range(len(of_items))), corpus.batch_items):
        if not in_time():
            break
        wanted = [of_items[place] for place in batch]
        rows += _batch(wanted, about, corpus, engine, seed, rules, nearness, drafts or {})
    return pl.DataFrame(rows, schema=ROWS, orient="row").sort(ITEM, SLOT)


def _batch(
    of_items: Sequence[Sequence[Mapping[str, Any]]],
    about: Mapping[str, Item],
    corpus: Corpus,
    engine: Engine,
    seed: int,
    rules: Rules,
    nearness: Nearness,
    drafts: Mapping[Key, Generation],
) -> list[dict[str, Any]]:
    """Rows of some items, each with all that is wanted of it."""
    wanted = [row for rows in of_items for row in rows]
    seeds = [rewrite_seed(seed, row[ITEM], row[SLOT]) for row in wanted]
    written = written_texts(wanted, seeds, corpus, engine, drafts)
    verdicts = _verdicts(of_items, written, about, corpus, rules)
    made = [
        text_row(row, corpus, rules, 0, row_seed, one, verdict) | {"pass": PASS}
        for row, row_seed, one, verdict in zip(wanted, seeds, written, verdicts, strict=True)
    ]
    items = [about[row[ITEM]] for row in wanted]
    new = nearness.vectors([one.text for one in written], items)
    old = nearness.vectors([row["first_text"] for row in wanted], items)
    ranks = nearness.ranks(new, [row[ITEM] for row in wanted])
    start = 0
    for rows in of_items:
        places = range(start, start + len(rows))
        start = places.stop
        good = []
        for place in places:
            fault = verdicts[place].fault
            if made[place][TEXT_ID] in rules.blocked:
                fault = "blocked: by an operator"
            if fault:
                made[place].update(status="rejected", reason=fault)
            elif verdicts[place].good:
                good.append(place)
        decided = replacements(
            old[places.start : places.stop],
            {place - places.start: new[place] for place in good},
            {place - places.start: ranks[place] for place in good},
            corpus.rewrite.max_item_rank,
        )
        for at, (kept, reason) in decided.items():
            made[places[at]].update(status="ok" if kept else "rejected", reason=reason)
    return made


def _verdicts(
    of_items: Sequence[Sequence[Mapping[str, Any]]],
    written: Sequence[Generation],
    about: Mapping[str, Item],
    corpus: Corpus,
    rules: Rules,
) -> list[Verdict]:
    """What the rules of the first pass say, in the order of the items' rows; no name may be invented.

    Orders may stand in first texts as well as in the item's data. A name that only first texts hold, where
    their threshold let it pass, is as invented as before.
    """
    wanted = [row for rows in of_items for row in rows]
    languages = {angle.name: angle.language for angle in corpus.angles}
    quoted = {
        rows[0][ITEM]: with_texts(about[rows[0][ITEM]], [row["first_text"] for row in rows])
        for rows in of_items
    }
    drafts = [
        Draft(one.text, one.whole_sentence, opening_in(row), about[row[ITEM]], languages[row[ANGLE]])
        for row, one in zip(wanted, written, strict=True)
    ]
    all_names = {"min_faithfulness": float(corpus.quality.min_faithfulness > 0)}
    return judge(
        drafts,
        corpus.quality.model_copy(update=all_names),
        lambda texts, _: rules.safety(texts, [quoted[row[ITEM]] for row in wanted]),
    )
