"""Which items lists may hold, and which held-back events lists are to foretell.

The other items stay in histories, and models learn from them.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.settings import Settings
from warehouse.columns import HISTORY_OF_FIT, ITEM, PARTS_OF_FIT, TEST, TRAIN, USER, VALIDATION, VALUE
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


class HeldBack(NamedTuple):
    """What a part holds of events that lists can be right about."""

    relevant: pl.DataFrame
    """Events of items that lists may hold and that the user did not have, of enough value."""
    already_had: int
    """How many further events are about an item that the user had before, so that lists leave it out."""
    nothing_left: int
    """How many users have events in the part, but none that is relevant: they are not judged."""


def held_back(warehouse: Warehouse, settings: Settings, part: str) -> HeldBack:
    """What a part's lists are judged by.

    Choosing and reporting take it from here, so that a search looks for what a report prints.
    """
    protocol, fit = settings.data.protocol, FIT_OF_PART[part]
    events = warehouse.query("held_back", protocol=protocol, part=part, known=list(HISTORY_OF_FIT[fit]))
    users = events[USER].n_unique()
    shown = warehouse.query("items").filter(recommendable_items(warehouse, settings, fit))
    events = events.join(shown, on=ITEM, how="semi")
    if (least := settings.evaluation.min_value) is not None:
        events = events.filter(pl.col(VALUE) >= least)
    relevant = events.filter(~pl.col("had")).drop("had")
    return HeldBack(relevant, events.height - relevant.height, users - relevant[USER].n_unique())


def relevant_events(warehouse: Warehouse, settings: Settings, part: str) -> pl.DataFrame:
    """The events of a part that lists can be right about."""
    return held_back(warehouse, settings, part).relevant
