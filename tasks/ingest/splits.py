"""Puts every event into its part. The protocols are in warehouse/queries/split_<protocol>.sql."""

from tasks.ingest.split_hash import hash_of_sorted
from tasks.settings.data import Data
from warehouse.connection import Warehouse
from warehouse.splitting import sorted_parts, write_parts


def split_interactions(warehouse: Warehouse, data: Data, seed: int) -> str:
    """Write the part of every event to core.splits, and what test is restricted to; return the split's hash.

    Args:
        warehouse: with core.items, core.users and core.interactions.
        data: the protocol, and its draw or how many events it gives.
        seed: of everything random.
    """
    protocol = data.protocol
    parameters = {
        "stratified_item": {"seed": seed, "whole_ties": data.whole_ties},
        "cold_user": {"seed": seed, "given_events": data.given_events},
    }.get(protocol, {})
    with warehouse.transaction():
        cold = warehouse.query("draw_test_items", seed=seed, draw=data.draw)
        warehouse.replace("core.test_items", cold if protocol == "cold_item" else cold.clear())
    with sorted_parts(warehouse, protocol, parameters) as rows:
        hashed = hash_of_sorted(rows)
    write_parts(warehouse, protocol, parameters, hashed)
    return hashed
