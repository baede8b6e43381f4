"""Embedding: vectors of items and live texts, only where missing; interest vectors of users, per fit."""

import numpy as np
import polars as pl
from prefect.artifacts import create_table_artifact

from tasks.arrays.codes import codes
from tasks.arrays.text_spread import distances, item_ranks
from tasks.arrays.vectors import centred
from tasks.embedding.interests import Histories, interest_vectors
from tasks.items.item import ENCODED_AS, items_of
from tasks.models.encoder import DIMENSIONS, load_encoder
from tasks.run.fingerprint import fingerprint
from tasks.run.progress import progress
from tasks.run.stage import StageRun
from tasks.run.step import step
from tasks.run.tracking import Tracking
from warehouse.columns import (
    FIT,
    HISTORY_OF_FIT,
    INTEREST,
    ITEM,
    PARTS_OF_FIT,
    TEXT_ID,
    TIME,
    USER,
    VALUE,
    VECTOR,
    WEIGHT,
)
from warehouse.spool import Spool, number_of_shards, shard_key

SHARD_ROWS = 256
TABLE = "features.vectors_minilm"


@step("encode items and texts")
def encode(run: StageRun) -> None:
    """Encode what has no vector yet, shard by shard."""
    spool = Spool(run.warehouse)
    spool.recover()
    run.warehouse.execute("drop_hidden_vectors")
    words = run.settings.embedding.description_words
    items = run.warehouse.query("items_without_vector", words=words)
    texts = run.warehouse.query("texts_without_vector", encoded_as=ENCODED_AS, words=words)
    of_items = [item.content(words) for item in items_of(items)]
    about = zip(items_of(texts), texts["text"], strict=True)
    of_texts = [item.content_with(text, words) for item, text in about]
    pending = pl.concat(
        [_to_encode("item", items, ITEM, of_items), _to_encode("text", texts, TEXT_ID, of_texts)]
    )
    # Shards are fixed by the owners there are, not by what is missing: a resumed run makes the same batches.
    owners = run.warehouse.query("items").height + run.warehouse.query("live_texts").height
    shards = number_of_shards(owners, SHARD_ROWS)
    keyed = pending.with_columns(
        pl.Series("shard_key", [shard_key(owner, shards) for owner in pending["owner_id"]], dtype=pl.String)
    )
    encoder = load_encoder() if pending.height else None
    with progress("encoding", pending.height, "texts") as advance:
        for (key,), shard in sorted(keyed.group_by("shard_key")):
            assert encoder is not None
            # Like lengths lie side by side, so that a batch is padded little.
            ordered = shard.sort(pl.col("content").str.len_chars(), "owner_kind", "owner_id")
            vectors = encoder.encode(ordered["content"].to_list())
            rows = ordered.select("owner_kind", "owner_id", "content_hash")
            digest = fingerprint(rows)
            rows = rows.with_columns(pl.Series(VECTOR, vectors, dtype=pl.Array(pl.Float32, DIMENSIONS)))
            spool.commit(spool.write("embedding", "", str(key), digest, TABLE, rows))
            advance(shard.height)
    run.counts |= {"encoded": pending.height, "encoded_items": items.height, "encoded_texts": texts.height}


def _to_encode(kind: str, owners: pl.DataFrame, id_column: str, contents: list[str]) -> pl.DataFrame:
    """Rows of owner_kind, owner_id, content_hash and content."""
    named = pl.lit(kind).alias("owner_kind"), pl.col(id_column).alias("owner_id"), "content_hash"
    return owners.select(*named).with_columns(pl.Series("content", contents, dtype=pl.String))


@step("spread of texts")
def spread(run: StageRun) -> None:
    """Measure how far apart an item's texts are and whether each leads back to it, where a vector is new."""
    texts = run.warehouse.query("texts_to_spread")
    items = run.warehouse.query("item_vectors")
    owners = np.searchsorted(items[ITEM].to_numpy(), texts[ITEM].to_numpy())
    vectors = texts[VECTOR].to_numpy()
    rows = texts.select(TEXT_ID, "among").with_columns(
        distance=pl.Series(distances(vectors, owners), dtype=pl.Float64, nan_to_null=True),
        item_rank=pl.Series(item_ranks(vectors, items[VECTOR].to_numpy(), owners), dtype=pl.Int32),
    )
    run.warehouse.upsert("features.text_spread", rows)
    totals = run.warehouse.query("spread_totals").row(0, named=True)
    run.counts |= {key: float(value) for key, value in totals.items() if value is not None}


@step("interest vectors", "interest vectors of {fit}")
def interests(run: StageRun, fit: str) -> None:
    """Cluster every user's history of a fit window into interests, unless nothing changed."""
    warehouse, settings = run.warehouse, run.settings
    events = warehouse.query(
        "fit_interactions", protocol=settings.data.protocol, parts=list(HISTORY_OF_FIT[fit])
    )
    vectors = warehouse.query("item_vectors")
    digest = fingerprint(
        events, vectors.select(ITEM, "content_hash"), settings.embedding.model_dump(), settings.seed
    )
    if Spool(warehouse).done("embedding", fit).get("interests") == digest:
        run.counts[f"interests_{fit}"] = 0
        return
    user_ids = warehouse.query("users")[USER].to_list()
    item_ids = warehouse.query("items")[ITEM].to_list()
    by_code = np.zeros((len(item_ids), DIMENSIONS), dtype=np.float32)
    by_code[codes(vectors[ITEM], item_ids)] = vectors[VECTOR].to_numpy()
    histories = Histories(
        codes(events[USER], user_ids),
        codes(events[ITEM], item_ids),
        events[TIME].to_numpy(),
        events[VALUE].to_numpy().astype(np.float32),
        len(user_ids),
    )
    how = settings.embedding.interests, settings.embedding.half_life_items, settings.seed
    with progress(f"interests of {fit}", events[USER].n_unique(), "users") as advance:
        found, weights = interest_vectors(centred(by_code), histories, *how, advance)
    user, interest = np.nonzero(np.any(found != 0, axis=2))
    rows = pl.DataFrame(
        {
            FIT: pl.repeat(fit, len(user), dtype=pl.String, eager=True),
            USER: pl.Series(user_ids, dtype=pl.String).gather(user),
            INTEREST: interest.astype(np.int32),
            WEIGHT: weights[user, interest],
            VECTOR: pl.Series(found[user, interest], dtype=pl.Array(pl.Float32, DIMENSIONS)),
        }
    )
    spool = Spool(warehouse)
    spool.commit(
        spool.write("embedding", fit, "interests", digest, "features.user_vectors", rows, replaces={FIT: fit})
    )
    run.counts[f"interests_{fit}"] = rows.height


@step("show vectors")
def show(run: StageRun) -> None:
    """Keep the counts in both UIs."""
    run.fingerprint = fingerprint(
        run.warehouse.query("vector_owners"),
        *(run.warehouse.query("done_shards", stage="embedding", fit=fit) for fit in PARTS_OF_FIT),
    )
    create_table_artifact(
        key="vectors", table=[{"what": key, "value": round(n, 4)} for key, n in run.counts.items()]
    )
    tracking = Tracking.of(run)
    with tracking.run("embedding", "vectors") as run_id:
        tracking.log(
            run_id,
            params={**run.settings.embedding.model_dump(), "seed": run.settings.seed},
            metrics=run.counts,
        )
