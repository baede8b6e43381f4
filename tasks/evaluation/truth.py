"""What the lists of a part are judged against, read from the warehouse."""

import numpy as np
import polars as pl

from tasks.codes import category_matrix, codes, interaction_matrix
from tasks.evaluation.metrics import Truth
from tasks.recommendable import FIT_OF_PART, recommendable_items, relevant_events
from tasks.settings import Settings
from tasks.stage import StageNotReady
from warehouse.columns import HISTORY_OF_FIT, ITEM, PART, PARTS_OF_FIT, USER, VECTOR
from warehouse.connection import Warehouse


def read_truth(warehouse: Warehouse, settings: Settings, part: str) -> tuple[Truth, list[str], list[str]]:
    """What a part's lists are judged against, the judged users (its rows), and the catalogue (its columns).

    Raises:
        StageNotReady: the split leaves nothing to judge.
    """
    protocol = settings.data.protocol
    items = warehouse.query("items")
    item_ids = items[ITEM].to_list()
    fit = FIT_OF_PART[part]
    recommendable = recommendable_items(warehouse, settings, fit)
    held = relevant_events(warehouse, settings, part)
    if held.is_empty():
        raise StageNotReady(
            f"protocol {protocol} leaves no event of {part} with an item that may be recommended, so that "
            "nothing can be judged; set another [data] protocol, or loosen [catalogue] or min_value in "
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
