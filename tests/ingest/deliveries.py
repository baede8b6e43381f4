"""Deliveries for tests of checking: files and the configuration that names them."""

from pathlib import Path

from tasks.ingest.checking import check
from tasks.ingest.findings import Findings, Problem
from tasks.ingest.loading import load
from tasks.ingest.sources import stage_tables
from tasks.settings import load_settings
from warehouse.connection import writing
from warehouse.staging import clear

ITEMS = "item_id,title\n1,Heat\n2,Alien\n3,Ran\n"
EVENTS = "user_id,item_id,rating,at\na,1,5,1000\na,2,4,2000\nb,1,3,3000\n"
ITEM_KEYS = 'files = ["items.csv"]\n'
EVENT_KEYS = 'files = ["events.csv"]\nvalue = "rating"\ntime = "at"\n'


def deliver(
    folder: Path,
    items: str | bytes = ITEMS,
    events: str | bytes = EVENTS,
    item_keys: str = ITEM_KEYS,
    event_keys: str = EVENT_KEYS,
    further: str = "",
    before: str = "",
) -> Path:
    """Write items.csv, events.csv and polyrec.toml; returns the last one's path.

    Args:
        folder: Where they go.
        items: The catalogue.
        events: The log.
        item_keys: Lines of [data.items].
        event_keys: Lines of [data.interactions].
        further: Lines of further tables.
        before: Lines of [data].
    """
    for name, content in (("items.csv", items), ("events.csv", events)):
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    config = folder / "polyrec.toml"
    config.write_text(
        f'home = "state"\n[data]\nsource = "files"\n{before}\n'
        f"[data.items]\n{item_keys}\n[data.interactions]\n{event_keys}\n{further}",
        encoding="utf-8",
    )
    return config


def checked(config: Path) -> Findings:
    """What a check finds."""
    return check(config, lambda _: None)


def the_problem(config: Path) -> Problem:
    """The only problem that a check finds."""
    (problem,) = checked(config).problems
    return problem


def load_delivery(config: Path) -> Path:
    """Load a delivery into its home, as a run does; returns the database."""
    settings = load_settings(config)
    with writing(settings.data_folder, "a test") as warehouse:
        try:
            data, staged = stage_tables(warehouse, settings)
            load(warehouse, settings, data, staged)
        finally:
            clear(warehouse)
    return settings.data_folder / "polyrec.duckdb"
