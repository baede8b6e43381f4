"""Which items lists may hold. The others stay in histories, and models learn from them."""

import numpy as np
from numpy.typing import NDArray

from tasks.settings import Settings
from warehouse.columns import PARTS_OF_FIT
from warehouse.connection import Warehouse

# The fit whose lists are judged on test: a protocol may restrict what these hold.
FIT_FOR_TEST = "train_validation"


def recommendable_items(warehouse: Warehouse, settings: Settings, fit: str) -> NDArray[np.bool_]:
    """(N,) bool in the order of ids: active, allowed, with enough events in the fit, kept by the protocol.

    Args:
        warehouse: with core tables and the split.
        settings: the protocol and the catalogue's rules.
        fit: whose lists.
    """
    rows = warehouse.query(
        "recommendable",
        protocol=settings.data.protocol,
        parts=list(PARTS_OF_FIT[fit]),
        min_interactions=settings.catalogue.min_interactions,
        for_test=fit == FIT_FOR_TEST,
    )
    return rows["recommendable"].to_numpy()
