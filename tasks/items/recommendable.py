"""Which items lists may hold, and which held-back events lists are to foretell.

The other items stay in histories, and models learn from them.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.settings import Settings
from warehouse.columns import ITEM, PARTS_OF_FIT, TEST, TRAIN, VALIDATION, VALUE
from warehouse.connection import Warehouse

# The fit whose lists are judged on test: a protocol may restrict what these hold.
FIT_FOR_TEST = "train_validation"
# What a part's lists are fitted on.
FIT_OF_PART = {VALIDATION: TRAIN, TEST: FIT_FOR_TEST}


def recommendable_items(warehouse: Warehouse, settings: Settings, fit: str) -> NDArray[np.bool_]:
    """(N,) bool in the order of ids: active, allowed, with enough events in the fit, kept by the protocol."""
    rows = warehouse.query(
        "recommendable",
        protocol=settings.data.protocol,
        parts=list(PARTS_OF_FIT[fit]),
        min_interactions=settings.catalogue.min_interactions,
        for_test=fit == FIT_FOR_TEST,
    )
    return rows["recommendable"].to_numpy()


def relevant_events(warehouse: Warehouse, settings: Settings, part: str) -> pl.DataFrame:
    """Events of a part that lists can be right about: of items that they may hold, of enough value.

    Choosing and reporting take them from here, so that a search looks for what a report prints.
    """
    events = warehouse.query("fit_interactions", protocol=settings.data.protocol, parts=[part])
    shown = warehouse.query("items").filter(recommendable_items(warehouse, settings, FIT_OF_PART[part]))
    events = events.join(shown, on=ITEM, how="semi")
    least = settings.evaluation.min_value
    return events if least is None else events.filter(pl.col(VALUE) >= least)
