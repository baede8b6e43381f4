"""What the lists of a part are evaluated against, read from the warehouse."""

import numpy as np
import polars as pl

from tasks.arrays.codes import category_matrix, codes, interaction_matrix
from tasks.arrays.types import Floats
from tasks.items.recommendable import FIT_OF_PART, recommendable_items, relevant_events
from tasks.metrics.evaluator import Truth
from tasks.settings import Settings
from warehouse.columns import HISTORY_OF_FIT, ITEM, PART, PARTS_OF_FIT, TIME, USER, VECTOR
from warehouse.connection import Warehouse
from warehouse.errors import PolyrecError


class NothingToJudge(PolyrecError):
    """No user has anything held back that a list could be right about."""


def read_truth(warehouse: Warehouse, settings: Settings, part: str) -> tuple[Truth, list[str], list[str]]:
    """What a part's lists are evaluated against, its users (the rows), and the catalogue (the columns).

    Raises:
        NothingToJudge: the split leaves nothing to evaluate on.
    """
    protocol = settings.data.protocol
    items = warehouse.query("items")
    item_ids = items[ITEM].to_list()
    fit = FIT_OF_PART[part]
    recommendable = recommendable_items(warehouse, settings, fit)
    held = relevant_events(warehouse, settings, part)
    if held.is_empty():
        raise NothingToJudge(
            f"protocol {protocol} leaves no event of {part} with an item that may be recommended, so that "
            "nothing can be evaluated; set another [data] protocol, or loosen [catalogue] or min_value in "
            "[evaluation]"
        )
    known = warehouse.query("fit_interactions", protocol=protocol, parts=list(HISTORY_OF_FIT[fit]))
    window = known.filter(pl.col(PART).is_in(PARTS_OF_FIT[fit]))
    user_ids = held[USER].unique().sort().to_list()
    everyone = warehouse.query("users")[USER].to_list()
    vectors = warehouse.query("item_vectors")
    by_code = np.zeros((len(item_ids), vectors.schema[VECTOR].shape[0]), dtype=np.float32)  # type: ignore[attr-defined]
    by_code[codes(vectors[ITEM], item_ids)] = vectors[VECTOR].to_numpy()
    truth = Truth(
        relevant=interaction_matrix(held, user_ids, item_ids),
        history=interaction_matrix(known.filter(pl.col(USER).is_in(user_ids)), user_ids, item_ids),
        categories=category_matrix(items["categories"].to_list())[0],
        k=settings.evaluation.k,
        vectors=by_code,
        all_history=interaction_matrix(window, everyone, item_ids),
        recommendable=recommendable,
    )
    return truth, user_ids, item_ids


def read_item_age(warehouse: Warehouse, settings: Settings, part: str) -> Floats:
    """(N,) the higher the older: by year where the catalogue has years, else by the first event in the fit.

    NaN for an item whose year is missing. An item without events in the fit of the part is new.
    """
    items = warehouse.query("items")
    if items["year"].is_not_null().any():
        return -items["year"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    parts = list(PARTS_OF_FIT[FIT_OF_PART[part]])
    events = warehouse.query("fit_interactions", protocol=settings.data.protocol, parts=parts)
    first = events.group_by(ITEM).agg(pl.col(TIME).min())
    times = items.select(ITEM).join(first, on=ITEM, how="left", maintain_order="left")[TIME]
    newest = events[TIME].max() if events.height else 0
    return -times.fill_null(newest).cast(pl.Float64).to_numpy()
