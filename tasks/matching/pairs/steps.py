"""Matchers too expensive for all pairs score the best candidates of some users, fit `train`.

Fusion leaves them out: they would count 0 for everybody outside the sample. `polyrec relevance` says what
they are worth on the sample, and a cheap student may learn from the language model.
"""

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import polars as pl
from rich.console import Console

from tasks.arrays.codes import codes
from tasks.matching.contract import PairBatch
from tasks.matching.data import Fit, read_fit
from tasks.matching.pairs.cross_encoder import CrossEncoder
from tasks.matching.pairs.language_model import LanguageModelRelevance
from tasks.matching.relevance_labels import STUDENT
from tasks.models.engines import engine_identity, load_engine
from tasks.run.fingerprint import fingerprint
from tasks.run.progress import progress
from tasks.run.stage import StageRun
from tasks.run.step import step
from tasks.settings.corpus import Corpus
from warehouse.columns import FIT, HISTORY_OF_FIT, ITEM, MATCHER, SCORE, SLOT, TEXT_ID, TRAIN, USER
from warehouse.errors import PolyrecError
from warehouse.spool import Spool, number_of_shards, shard_key

TABLE = "features.relevance"
STAGE = "relevance"  # of shards
SHARD_USERS = 4  # about half a minute on two cores
WARM_UP_TEXTS = 8


@step("label relevance")
def label_relevance(run: StageRun) -> bool:
    """Ask the language model about the sample, shard by shard; returns whether anything is new."""
    warehouse, settings = run.warehouse, run.settings.matching.relevance
    spool = Spool(warehouse)
    spool.recover()
    window, corpus = train_window(run), _corpus(run)
    teacher = LanguageModelRelevance(
        lambda: load_engine(corpus, run.settings.models_folder), corpus.noun, settings
    )
    teacher.fit(window.data)
    wanted = _wanted(window, sample(run), teacher, engine_identity(corpus))
    known = warehouse.query("relevance", fit=TRAIN)
    key = [USER, TEXT_ID, "prompt_hash"]
    stale = known.join(wanted, on=key, how="anti")
    if stale.height:
        warehouse.replace(
            TABLE, known.join(wanted, on=key, how="semi").with_columns(fit=pl.lit(TRAIN)), {FIT: TRAIN}
        )
    pending = wanted.join(known, on=key, how="anti", maintain_order="left")
    run.counts |= {
        "relevance_pairs": wanted.select(USER, ITEM).unique().height,
        "relevance_texts": wanted.height,
    }
    if pending.is_empty():
        return stale.height > 0
    alone = known.select("frame_hash", "log_prob_without").unique("frame_hash")
    alone = pending.join(alone, on="frame_hash").unique("frame_hash")
    teacher.without |= dict(zip(alone["text"], alone["log_prob_without"], strict=True))
    n_tokens = _announce(teacher, pending, window)
    start = time.perf_counter()
    n_users = pending[USER].n_unique()
    n_shards = number_of_shards(n_users, SHARD_USERS)
    shards: dict[str, list[str]] = defaultdict(list)
    for user_id in pending[USER].unique().sort():
        shards[shard_key(user_id, n_shards)].append(user_id)
    with progress("labelling relevance", pending.height, "texts") as advance:
        for name, user_ids in sorted(shards.items()):
            of_shard = []
            for user_id in user_ids:
                rows = pending.filter(pl.col(USER) == user_id)
                of_shard.append(_labelled(rows, teacher))
                advance(rows.height)
            frame = pl.concat(of_shard)
            digest = fingerprint(frame["prompt_hash"].to_list())
            spool.commit(spool.write(STAGE, TRAIN, name, digest, TABLE, frame))
    run.counts |= {"relevance_tokens": n_tokens, "relevance_seconds": time.perf_counter() - start}
    return True


@step("cross-encode")
def cross_encode(run: StageRun) -> bool:
    """Tune the cross-encoder on fit `train` and let it score the sample; False when that was done."""
    warehouse, settings = run.warehouse, run.settings
    window, pairs = train_window(run), sample(run)
    section = settings.matching.cross_encoder
    negatives = _together(run)
    names = window.data.names
    assert names is not None
    events = pl.DataFrame({"user": window.data.user, "item": window.data.item, "time": window.data.time})
    words = [list(names.titles), [list(of_item) for of_item in names.texts]]
    made_of = (section.model_dump(), settings.seed, events, window.item_ids, words)
    digest = fingerprint(pairs, negatives, *made_of)
    models = warehouse.query("pair_models", fit=TRAIN)
    if digest in models.filter(pl.col(MATCHER) == CrossEncoder.name)["fingerprint"].to_list():
        return False
    matcher = CrossEncoder(section)
    start = time.perf_counter()
    with progress("tuning the cross-encoder", section.steps, "steps") as advance:
        matcher.fit(window.data, _batch(negatives, window), lambda _loss: advance(1))
    fitted = time.perf_counter()
    matcher.save(settings.data_folder / "matchers" / TRAIN / matcher.name)
    scores = matcher.score_pairs(_batch(pairs, window))
    row = {FIT: TRAIN, MATCHER: matcher.name}
    record = pl.DataFrame(
        {
            **{name: [value] for name, value in row.items()},
            "parameters": [section.model_dump_json()],
            "fit_seconds": [fitted - start],
            "score_seconds": [time.perf_counter() - fitted],
            "fingerprint": [digest],
        }
    )
    rows = pairs.with_columns(
        pl.Series(SCORE, scores), *(pl.lit(value).alias(name) for name, value in row.items())
    )
    with warehouse.transaction():
        warehouse.replace("matching.pair_scores", rows, where=row)
        warehouse.replace("matching.pair_models", record, where=row)
    return True


def train_window(run: StageRun) -> Fit:
    """Read all that is known when lists of fit `train` are made, but not earlier relevance labels."""
    fit = read_fit(run.warehouse, run.settings, TRAIN)
    return replace(fit, data=replace(fit.data, relevance_labels=None))


def sample(run: StageRun) -> pl.DataFrame:
    """Give the pairs that are scored: the best candidates of drawn users with history in fit `train`."""
    settings = run.settings.matching.relevance
    events = run.warehouse.query(
        "fit_interactions", protocol=run.settings.data.protocol, parts=list(HISTORY_OF_FIT[TRAIN])
    )
    together = _together(run)
    with_history = together.join(events.select(USER).unique(), on=USER, how="semi")
    drawn = sampled_users(with_history[USER].unique().to_list(), settings.users, run.settings.seed)
    return with_history.filter(pl.col(USER).is_in(drawn))


def _together(run: StageRun) -> pl.DataFrame:
    """Every user's best candidates by all matchers but the student, which is to learn from them."""
    matchers = run.warehouse.query("matcher_models", fit=TRAIN)[MATCHER].to_list()
    if not matchers:
        raise PolyrecError("there are no candidates of fit train; make some first: polyrec run")
    rows = run.warehouse.query("candidate_scores", fit=TRAIN, matchers=matchers)
    return top_together(rows, run.settings.matching.relevance.candidates, without=[STUDENT])


def _corpus(run: StageRun) -> Corpus:
    """The engine that writes texts, at the precision of [matching.relevance]."""
    precision = run.settings.matching.relevance.precision
    return run.settings.corpus.model_copy(update={"precision": precision})


def _wanted(window: Fit, pairs: pl.DataFrame, teacher: LanguageModelRelevance, engine: str) -> pl.DataFrame:
    """A row for every live text of the pairs, as it is read, with the hashes that tell what is known."""
    rows = []
    precision = teacher.settings.precision
    user_codes, item_codes = codes(pairs[USER], window.user_ids), codes(pairs[ITEM], window.item_ids)
    prompts = {user: teacher.prompt(user) for user in np.unique(user_codes).tolist()}
    for user, item in zip(user_codes.tolist(), item_codes.tolist(), strict=True):
        context = json.dumps([window.item_ids[code] for code in teacher.context(user)])
        for slot, text_id in enumerate(window.text_ids[item]):
            text = teacher.text_of(item, slot)
            if text_id is not None and text is not None:
                alone = fingerprint(engine, precision, teacher.frame, text)
                whole = fingerprint(alone, prompts[user])
                ids = window.user_ids[user], text_id, window.item_ids[item]
                rows.append((*ids, slot, context, whole, alone, text, user))
    names = (USER, TEXT_ID, ITEM, SLOT, "context", "prompt_hash", "frame_hash", "text", "code")
    kinds = {name: pl.Int64 if name in (SLOT, "code") else pl.String for name in names}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _labelled(rows: pl.DataFrame, teacher: LanguageModelRelevance) -> pl.DataFrame:
    """One user's rows of features.relevance."""
    start = time.perf_counter()
    log_probs = teacher.log_probs(int(rows["code"][0]), rows["text"].to_list())
    share = (time.perf_counter() - start) / rows.height
    return rows.drop("text", "code").with_columns(
        pl.lit(TRAIN).alias(FIT),
        pl.Series("log_prob_with", log_probs.log_prob_with),
        pl.Series("log_prob_without", log_probs.log_prob_without),
        pl.Series("n_tokens", log_probs.n_tokens),
        pl.lit(share).alias("seconds"),
    )


def _announce(teacher: LanguageModelRelevance, pending: pl.DataFrame, window: Fit) -> int:
    """Say what is asked for and how long it may take, by the rate of a few texts; returns the tokens."""
    engine = teacher.engine
    length = {text: engine.prompt_length((text,)) for text in pending["text"].unique()}
    users = pending["code"].unique().to_list()
    contexts = sum(engine.prompt_length(teacher.prompt(user)) for user in users)
    alone = sum(tokens for text, tokens in length.items() if text not in teacher.without)
    n_tokens = contexts + alone + sum(length[text] for text in pending["text"])
    texts = pending["text"].head(WARM_UP_TEXTS).to_list()
    teacher.log_probs(users[0], texts[:1])  # the first call of an engine is slower
    start = time.perf_counter()
    teacher.log_probs(users[0], texts)
    read = engine.prompt_length(teacher.prompt(users[0])) + sum(length[text] for text in texts)
    rate = read / (time.perf_counter() - start)
    Console(stderr=True).print(
        f"relevance: {len(users):,} of {len(window.user_ids):,} users, "
        f"{pending.select(USER, ITEM).unique().height:,} pairs, {pending.height:,} texts, "
        f"{n_tokens:,} tokens: about {n_tokens / rate:,.0f} seconds at {rate:,.0f} tokens a second",
        highlight=False,
        soft_wrap=True,
    )
    return n_tokens


def _batch(pairs: pl.DataFrame, window: Fit) -> PairBatch:
    return PairBatch(codes(pairs[USER], window.user_ids), codes(pairs[ITEM], window.item_ids))


def sampled_users(user_ids: Sequence[str], n: int, seed: int) -> list[str]:
    """Draw n users, sorted: by a hash of seed and id, so that a larger sample holds a smaller one.

    >>> small, large = (sampled_users(list("abcdefgh"), n, seed=0) for n in (3, 5))
    >>> set(small) < set(large)
    True
    """
    drawn = sorted(
        user_ids, key=lambda user: (blake2b(f"{seed}:{user}".encode(), digest_size=8).digest(), user)
    )
    return sorted(drawn[:n])


def top_together(scores: pl.DataFrame, n: int, without: Sequence[str] = ()) -> pl.DataFrame:
    """Give the n candidates of each user with the best mean rank over matchers: user_id, item_id.

    The rows are those of matching.scores of one fit. Candidates are what one of the matchers proposed itself;
    `without` names matchers that neither propose nor rank.
    """
    rows = scores.filter(~pl.col(MATCHER).is_in(list(without)))
    proposed = rows.filter(pl.col("own_rank").is_not_null()).select(USER, ITEM).unique()
    ranked = rows.join(proposed, on=[USER, ITEM], how="semi").with_columns(
        rank=pl.col(SCORE).rank(descending=True).over(USER, MATCHER)
    )
    mean = ranked.group_by(USER, ITEM).agg(pl.col("rank").mean()).sort(USER, "rank", ITEM)
    return mean.group_by(USER, maintain_order=True).head(n).select(USER, ITEM)
