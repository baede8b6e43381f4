"""What lists can be right about: of what is held back, what its user did not have before."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tasks.evaluation.truth import read_truth
from tasks.ingest.splits import split_interactions
from tasks.items.recommendable import held_back, relevant_events
from tasks.settings import Settings
from tests.empty import with_warehouse
from warehouse.connection import Warehouse, writing

SETTINGS = Settings()
ITEMS = [f"i{n:02d}" for n in range(12)]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """Each user's ten events: the first eight are train, then comes validation, then test.

    u0 has ten items. u1 comes back to the first in validation, and to the ninth in test; u2 viewed without
    interest in train what test holds; u3 comes back to an item of train in test, besides validation.
    """
    items = {f"u{n}": ITEMS[:10] for n in range(4)}
    items["u1"] = [*ITEMS[:8], ITEMS[0], ITEMS[8]]
    items["u3"] = [*ITEMS[:9], ITEMS[2]]
    events = pl.DataFrame(
        [(user, item, 1.0, 100 * n) for user, had in items.items() for n, item in enumerate(had)],
        schema=["user_id", "item_id", "value", "event_time"],
        orient="row",
    )
    seen = pl.DataFrame(
        {
            "user_id": ["u2", "u0"],
            "item_id": [ITEMS[9], ITEMS[9]],
            "event_time": [10, 10_000],
            "reason": ["weight 0", "weight 0"],
        }
    )
    with writing(with_warehouse(tmp_path), "a test") as warehouse:
        catalogue = pl.DataFrame({"item_id": ITEMS, "title": ITEMS})
        hashed = catalogue.with_columns(categories=pl.lit([], pl.List(pl.String)), content_hash=pl.lit("h"))
        warehouse.append("core.items", hashed)
        warehouse.append("core.users", pl.DataFrame({"user_id": sorted(items)}))
        warehouse.append("core.interactions", events)
        warehouse.append("core.seen_only", seen)
        split_interactions(warehouse, SETTINGS.data, 0)
        yield warehouse


@pytest.mark.parametrize(
    ("part", "relevant", "already_had", "nothing_left"),
    [
        ("validation", [("u0", "i08"), ("u2", "i08"), ("u3", "i08")], 1, 1),
        ("test", [("u0", "i09"), ("u1", "i08")], 2, 2),
    ],
)
def test_what_a_user_had_before_is_not_relevant_again(
    warehouse: Warehouse, part: str, relevant: list[tuple[str, str]], already_had: int, nothing_left: int
) -> None:
    held = held_back(warehouse, SETTINGS, part)
    assert held.relevant.select("user_id", "item_id").rows() == relevant
    assert (held.already_had, held.nothing_left) == (already_had, nothing_left)
    assert held.relevant.equals(relevant_events(warehouse, SETTINGS, part))
    _, judged, _ = read_truth(warehouse, SETTINGS, part)
    assert judged == sorted({user for user, _ in relevant})


def test_where_nobody_comes_back_the_events_are_those_of_the_part(warehouse: Warehouse) -> None:
    warehouse.run("delete from core.seen_only")
    warehouse.run("delete from core.splits where user_id in ('u1', 'u3')")
    for part in ("validation", "test"):
        events = warehouse.query("fit_interactions", protocol=SETTINGS.data.protocol, parts=[part])
        held = held_back(warehouse, SETTINGS, part)
        assert held.relevant.equals(events) and (held.already_had, held.nothing_left) == (0, 0)
