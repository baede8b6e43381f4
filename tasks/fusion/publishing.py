"""Publishing as a sequence of small steps, rolling back, and what a kill between two steps leaves to do.

`serving.current` is the truth. It changes in one transaction, together with the lists; the snapshot that
readers are pointed at and the alias `champion` follow, and `reconcile` lets them follow after a kill.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

import polars as pl

from tasks.run.fingerprint import fingerprint
from warehouse.columns import DIVERSE_LISTS, ITEM, LISTS, RANK, SCORE, USER
from warehouse.connection import Warehouse
from warehouse.errors import PolyrecError
from warehouse.snapshot import new_snapshot, point_readers_at, reconcile_snapshot, remove_old_snapshots

CANDIDATES, RULE_EFFECTS = "serving.candidates", "serving.rule_effects"
OPTIONAL = ("flow_run_id", "decision_id", "origin_id")
PUBLISHED = "published"
COMPACTED = "compacted"
ROLLED_BACK = "rolled back"


class Registry(Protocol):
    """Where models are registered; `tasks.run.tracking.Tracking` is one."""

    def register_lists(
        self,
        name: str,
        fusion: Mapping[str, Any],
        lists: pl.DataFrame,
        tags: Mapping[str, object],
        metrics: Mapping[str, float],
    ) -> tuple[str, str]:
        """Register lists as a new version of the model; returns the run that holds them, and the version."""
        ...

    def champion(self) -> str | None:
        """The version that the alias `champion` points at."""
        ...

    def has_version(self, version: str) -> bool:
        """Whether there is a version."""
        ...

    def set_champion(self, version: str) -> None:
        """Let the alias `champion` point at a version."""
        ...


@dataclass(frozen=True)
class Publication:
    """A row of serving.publications, before it is there."""

    publication_id: str
    fusion_id: str
    data_fingerprint: str
    lists_hash: str
    created_at: datetime
    made_at: datetime
    """When its lists were computed."""
    flow_run_id: str | None = None
    decision_id: str | None = None
    origin_id: str | None = None
    """The publication whose lists these were, before a rollback."""

    @staticmethod
    def identify(lists: pl.DataFrame, now: datetime) -> tuple[str, str]:
        """The id of a publication of lists, and their hash."""
        lists_hash = fingerprint(lists.select(USER, RANK, ITEM, pl.col(SCORE).round(6)))
        return f"{now:%Y%m%dT%H%M%S}-{lists_hash[:8]}", lists_hash


def publish(
    warehouse: Warehouse,
    registry: Registry,
    publication: Publication,
    tables: Mapping[str, pl.DataFrame],
    fusion: Mapping[str, Any],
    keep: int,
    tags: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
) -> None:
    """Put lists in the place of the old ones, in one step for whoever reads them.

    A kill before the transaction ends leaves the old lists, and later the new ones; readers go on with a
    whole snapshot of either. `reconcile` does what was left to do.

    `tables` maps a table to its rows about this publication, each with its publication_id;
    serving.recommendations is among them. `fusion` is what the registered model says of itself, in values
    that JSON can hold; tags and metrics are those of its run. The newest `keep` publications keep lists.
    """
    told = {"publication_id": publication.publication_id, "lists_hash": publication.lists_hash}
    run_id, version = registry.register_lists(
        publication.publication_id,
        {**fusion, **told},
        tables[LISTS],
        {**told, "fusion_id": publication.fusion_id, **(tags or {})},
        metrics or {},
    )
    record(warehouse, publication, tables, run_id, version, keep)
    point_readers_at(new_snapshot(warehouse, publication.publication_id))
    remove_old_snapshots(warehouse.folder, keep)
    registry.set_champion(version)


def record(
    warehouse: Warehouse,
    publication: Publication,
    tables: Mapping[str, pl.DataFrame],
    run_id: str,
    version: str,
    keep: int,
) -> None:
    """Write lists and publication and let it be the current one, in one transaction."""
    row = {
        **asdict(publication),
        "users": tables[LISTS][USER].n_unique(),
        "state": PUBLISHED,
        "model_version": version,
        "mlflow_run_id": run_id,
    }
    optional: dict[str, pl.DataType] = {name: pl.String() for name in OPTIONAL}
    with warehouse.transaction():
        for table, rows in tables.items():
            warehouse.replace(table, rows, where={"publication_id": publication.publication_id})
        warehouse.append("serving.publications", pl.DataFrame([row], schema_overrides=optional))
        warehouse.execute("set_current", publication_id=publication.publication_id)
        # Whose lists the next retention removes can no longer be served: readers are told at once.
        kept = warehouse.query("kept_publications", publications=keep)["publication_id"].to_list()
        warehouse.execute("mark_compacted_publications", kept=kept)


def reconcile(warehouse: Warehouse, registry: Callable[[], Registry]) -> None:
    """Let readers' snapshot and the alias follow serving.current: a kill may have come between.

    The registry is opened only where something is published.
    """
    reconcile_snapshot(warehouse)
    current = warehouse.query("current_version")
    if current.is_empty() or (version := current["model_version"].item()) is None:
        return
    models = registry()
    if models.champion() != version and models.has_version(version):
        models.set_champion(version)


def publication_before(warehouse: Warehouse, publication_id: str | None) -> dict[str, Any]:
    """The publication to roll back to; when None is named, the newest with older lists than those served.

    Raises:
        PolyrecError: there is none, or its lists are gone.
    """
    if warehouse.query("current_version").is_empty():
        raise PolyrecError("nothing is published yet, so nothing can be rolled back; run `polyrec run`")
    if publication_id is None:
        before = warehouse.query("before_current")
        if before.is_empty():
            raise PolyrecError(
                "no older lists are kept than those that are served; name a publication of "
                "`polyrec publications`, or raise publications in [retention] for the future"
            )
        publication_id = str(before["publication_id"].item())
    found = warehouse.query("publication", publication_id=publication_id)
    if found.is_empty():
        raise PolyrecError(f"no publication {publication_id!r}; see their ids with `polyrec publications`")
    publication = found.row(0, named=True)
    if publication["state"] == COMPACTED:
        raise PolyrecError(
            f"the lists of publication {publication_id!r} are gone, as [retention] publications says; "
            "choose one that is published in `polyrec publications`"
        )
    return publication


def roll_back(
    warehouse: Warehouse,
    registry: Registry,
    publication_id: str | None,
    hard_rules: Callable[[pl.DataFrame], pl.DataFrame],
    effects: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame],
    now: datetime,
    keep: int,
) -> Publication:
    """Serve the lists of an older publication again, as a new one, without what is forbidden today.

    It is the one before the current when no id is given; what was brought back before goes by the name of
    the publication that its lists are from. `hard_rules` takes rows of serving.recommendations to those that
    may be shown today; `effects`, these and rows of serving.candidates to those of serving.rule_effects;
    `now` has a zone; the newest `keep` publications keep their lists.

    Raises:
        PolyrecError: there is no such publication, or nothing of it may be shown today.
    """
    origin = publication_before(warehouse, publication_id)
    origin_id, fusion_id = origin["publication_id"], origin["fusion_id"]
    rows, diverse = (
        ranked_again(
            hard_rules(warehouse.query("lists_of_publication", lists=lists, publication_id=origin_id))
        )
        for lists in (LISTS, DIVERSE_LISTS)
    )
    if rows.is_empty():
        raise PolyrecError(
            f"nothing of publication {origin_id!r} may be shown under today's rules; "
            "choose another of `polyrec publications`, or change the rules in [catalogue]"
        )
    identity, lists_hash = Publication.identify(rows, now)
    publication = Publication(
        identity,
        fusion_id,
        origin["data_fingerprint"],
        lists_hash,
        created_at=now,
        made_at=origin["made_at"],
        flow_run_id=origin["flow_run_id"],
        decision_id=origin["decision_id"],
        origin_id=origin["origin_id"] or origin_id,
    )
    candidates = warehouse.query("candidates_of_publication", publication_id=origin_id)
    told = (RULE_EFFECTS, effects(rows, candidates))
    again = ((LISTS, rows), (DIVERSE_LISTS, diverse), (CANDIDATES, candidates), told)
    tables = {table: found.with_columns(publication_id=pl.lit(identity)) for table, found in again}
    model = warehouse.query("fusion_model", fusion_id=fusion_id).row(0, named=True)
    tags = {"outcome": ROLLED_BACK, "origin_id": publication.origin_id}
    publish(warehouse, registry, publication, tables, fusion_content(model), keep, tags)
    return publication


def ranked_again(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order of their lists, ranks counted from 1: some may have been left out."""
    ordered = rows.sort(USER, RANK)
    return ordered.with_columns(pl.int_range(1, pl.len() + 1).over(USER).cast(rows.schema[RANK]).alias(RANK))


def fusion_content(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the registered model says of its fusion, from a row of serving.fusion_models."""
    weights = json.loads(record["weights"])
    same = {name: record[name] for name in ("diversity", "reranker", "category_cap", "normaliser")}
    model = json.loads(record["model"] or "{}")
    return {"matchers": list(weights), "weights": weights, **same, "model": model}
