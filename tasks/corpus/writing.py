"""How a shard of items gets its texts: written, checked, and where none stands replaced by plain ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self, TypeVar

import polars as pl

from tasks.corpus.acceptance import Draft, Rules, Verdict, verdicts
from tasks.corpus.fallback import fallback_text
from tasks.corpus.planning import WANTED
from tasks.corpus.prompts import REWRITE, parts_of, sampling_of, text_seed
from tasks.corpus.safety.prompt_injection import with_texts
from tasks.items.item import Item, items_by_id
from tasks.models.engine import Engine, Generation, opening_of
from tasks.run.fingerprint import fingerprint
from tasks.settings import Settings
from tasks.settings.corpus import Corpus
from warehouse.columns import ANGLE, ITEM, SLOT, TEXT_ID
from warehouse.connection import Warehouse

SCORED_AT_ONCE = 16  # plain texts: their logits are kept for every place, over the whole vocabulary
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

Key = tuple[str, int, str]  # item, slot, prompt hash
Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Writer:
    """All that texts are written with, and the items that they are about.

    It takes rows of what is wanted, as `planning` gives them, and makes rows of features.texts.
    """

    corpus: Corpus
    engine: Engine
    rules: Rules
    items: Mapping[str, Item]
    seed: int = 0
    # First attempts that are written already: they are checked again, not written again.
    drafts: Mapping[Key, Generation] = field(default_factory=dict[Key, Generation])

    @classmethod
    def of_shard(
        cls, warehouse: Warehouse, settings: Settings, engine: Engine, rules: Rules, missing: pl.DataFrame
    ) -> Self:
        """A writer of missing texts that knows their items and what was written of them."""
        item_ids = missing[ITEM].unique()
        items = items_by_id(warehouse.query("listed_items", items=item_ids))
        drafts = {
            (item_id, slot, digest): Generation(*written)
            for item_id, slot, digest, *written in warehouse.query("first_drafts", items=item_ids).iter_rows()
        }
        return cls(settings.corpus, engine, rules, items, settings.seed, drafts)

    def in_order(self, missing: pl.DataFrame) -> list[Row]:
        """Rows of what is missing, items of like length side by side: a batch is padded to its longest."""
        lengths = [self.engine.prompt_length(parts_of(prompt)) for prompt in missing["prompt"]]
        missing = missing.with_columns(length=pl.Series(lengths, dtype=pl.Int64))
        return missing.sort(pl.col("length").max().over(ITEM), ITEM, SLOT).to_dicts()

    def attempt(
        self, wanted: Sequence[Row], number: int, quoted: Mapping[str, Sequence[str]] | None = None
    ) -> list[tuple[Row, Verdict]]:
        """Write each wanted text once and check it.

        Attempts are numbered from 0; the second pass is REWRITE. `quoted` are, by item, the texts that its
        prompts quote: orders may stand in them too.
        """
        seeds = [text_seed(self.seed, row[ITEM], row[SLOT], number) for row in wanted]
        written = self._written(wanted, seeds, self.drafts if number <= 0 else {})
        found = verdicts(
            [
                self._draft(row, one, quoted[row[ITEM]] if quoted else ())
                for row, one in zip(wanted, written, strict=True)
            ],
            self.corpus.quality,
            self.rules.safety,
        )
        tried = []
        for row, seed, one, verdict in zip(wanted, seeds, written, found, strict=True):
            made = self._row(row, number, seed, one, verdict)
            blocked = made[TEXT_ID] in self.rules.blocked
            tried.append((made, Verdict("blocked: by an operator") if blocked else verdict))
        return tried

    def plain(self, wanted: Sequence[tuple[Row, str]]) -> list[Row]:
        """Rows with the plain text of each, and log p(text | prompt without the opening) in nats.

        `wanted` come with the reason why no written text stands. A title or category that breaks a safety
        rule is left out of the plain one.
        """
        rows = []
        for row, reason in wanted:
            item = self.items[row[ITEM]]

            def may_show(part: str, item: Item = item) -> bool:
                return self.rules.safety([part], [item]) == [None]

            text = fallback_text(item, self.corpus.noun, row[ANGLE], may_show)
            made = self._row(row, self.corpus.attempts, 0, Generation(text, 0, 0.0, True), Verdict())
            rows.append(made | {"status": "fallback", "reason": reason})
        for start in range(0, len(rows), SCORED_AT_ONCE):
            some = rows[start : start + SCORED_AT_ONCE]
            prompts = [parts_of(row["prompt"])[:-1] for row in some]
            log_probs = self.engine.log_prob(prompts, [row["text"] for row in some])
            for row, log_prob in zip(some, log_probs, strict=True):
                row["log_prob"] = float(log_prob)
                row["n_tokens"] = self.engine.prompt_length((row["text"],))
        return rows

    def _written(
        self, wanted: Sequence[Row], seeds: Sequence[int], drafts: Mapping[Key, Generation]
    ) -> list[Generation]:
        """One text for each, written unless it is among the drafts."""
        known = [drafts.get((row[ITEM], row[SLOT], row["prompt_hash"])) for row in wanted]
        new = [place for place, one in enumerate(known) if one is None]
        prompts = [parts_of(wanted[place]["prompt"]) for place in new]
        sampling = sampling_of(self.corpus)
        written = iter(
            self.engine.generate(prompts, sampling, [seeds[place] for place in new]) if new else ()
        )
        return [one or next(written) for one in known]

    def _draft(self, row: Row, written: Generation, quoted: Sequence[str]) -> Draft:
        item = self.items[row[ITEM]]
        return Draft(
            written.text,
            written.whole_sentence,
            opening_of(parts_of(row["prompt"])),
            item,
            self.corpus.languages[row[ANGLE]],
            with_texts(item, quoted) if quoted else None,
        )

    def _row(self, wanted: Row, number: int, seed: int, written: Generation, verdict: Verdict) -> Row:
        return {
            TEXT_ID: fingerprint(wanted[ITEM], wanted[SLOT], wanted["prompt_hash"], seed, written.text),
            **{key: wanted[key] for key in WANTED},
            "engine": self.corpus.written_by,
            "pass": 2 if number == REWRITE else 1,
            "attempt": max(number, 0),
            "seed": seed,
            **vars(written),
            "status": "quarantined" if verdict.unsafe else "ok",
            "reason": verdict.unsafe,
            "rules": self.rules.digest,
        }


def write_texts(missing: pl.DataFrame, writer: Writer) -> pl.DataFrame:
    """Write the texts of one shard in the first pass; returns rows of features.texts.

    What does not stand is tried again with another seed, all batches' together. Where no attempt stands a
    plain text takes the place; an unsafe attempt is kept beside it, quarantined.
    """
    corpus = writer.corpus
    rows: list[Row] = []
    waiting: list[tuple[Row, str]] = [(row, "") for row in writer.in_order(missing)]
    for number in range(corpus.attempts):
        again = []
        for batch in batches(waiting, corpus.batch_items * len(corpus.angles)):
            tried = writer.attempt([row for row, _ in batch], number)
            for (row, before), (made, verdict) in zip(batch, tried, strict=True):
                if verdict.good:
                    rows.append(made | {"reason": f"attempt {number} before: {before}" if before else None})
                    continue
                if verdict.unsafe:
                    rows.append(made)
                again.append((row, verdict.unsafe or verdict.fault or ""))
        waiting = again
    rows += writer.plain(waiting)
    return pl.DataFrame(rows, schema=ROWS, orient="row").sort(ITEM, SLOT, "attempt", "status")


def batches(rows: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Cut rows into as few batches as may be, of like size.

    >>> list(batches([0, 1, 2, 3, 4], 3))
    [[0, 1, 2], [3, 4]]
    """
    count = -(-len(rows) // most)
    bounds = [-(-len(rows) * at // count) for at in range(count + 1)] if count else []
    for start, stop in pairwise(bounds):
        yield rows[start:stop]
