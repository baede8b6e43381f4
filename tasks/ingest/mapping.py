"""What delivered columns mean: from the settings to rules, and whether the columns are there."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from tasks.settings.data import Also, Data, Joined
from tasks.settings.section import Section
from warehouse.connection import Warehouse
from warehouse.errors import SettingsError, SourceError
from warehouse.joining import join_events
from warehouse.staging import Staged
from warehouse.validation_events import EventRules
from warehouse.validation_items import ItemRules

COLUMNS = {
    "items": ("id", "title", "description", "categories", "year", "image", "active", "content"),
    "interactions": ("user", "item", "time", "value", "event"),
    "users": ("id",),
    "searches": ("user", "query", "time"),
    "triples": ("head", "relation", "tail"),
    "also": ("id", "description", "content"),
}
"""The settings of each table that name a delivered column, or several."""


def also_tables(data: Data) -> dict[str, Also]:
    """The further tables about items, by the kind they are staged as."""
    return {f"also{number}": table for number, table in enumerate(data.items.also, start=1)}


def joined_tables(data: Data) -> dict[str, Joined]:
    """The further tables of the event log, by the kind they are staged as."""
    return {f"joined{number}": table for number, table in enumerate(data.interactions.also, start=1)}


def join_tables(warehouse: Warehouse, data: Data, staged: Mapping[str, Staged]) -> None:
    """Join the staged event log with its further tables.

    Raises:
        SettingsError: one of both has no column of the name that joins them.
    """
    events = staged.get("interactions")
    for kind, table in joined_tables(data).items():
        if events is None or kind not in staged:
            continue
        for one in (staged[kind], events):
            if table.id not in one.columns:
                raise SettingsError(
                    f"[[data.interactions.also]] id = '{table.id}' is no column of {', '.join(one.sources)}; "
                    f"write one that both tables have, of: {', '.join(one.columns)}"
                )
        join_events(warehouse, events, staged[kind], table.id)


def event_rules(data: Data, latest: int) -> EventRules:
    """What the columns of the event log mean; no time is later than `latest`, in seconds since 1970 UTC."""
    add = data.interactions.unknown_items == "add" and data.max_items is None
    shared = _shared(data, EventRules) | _shared(data.interactions, EventRules)
    return EventRules(**shared, latest=latest, section="data.interactions", add_unknown_items=add)


def search_rules(data: Data, latest: int) -> EventRules:
    """What the columns of searches mean."""
    shared = _shared(data.searches, EventRules)
    return EventRules(**shared, item=data.searches.query, latest=latest, section="data.searches")


def item_rules(data: Data, staged: Staged) -> ItemRules:
    """What the columns of the catalogue mean; those that nothing names become attributes."""
    items = data.items
    taken = {getattr(items, key) for key in COLUMNS["items"]} | set(items.content) | _columns_of_people(data)
    attributes = [column for column in staged.columns if column not in taken]
    return ItemRules(**_shared(items, ItemRules), attributes=attributes, max_items=data.max_items)


def _shared(section: Section, rules: type) -> dict[str, Any]:
    """The settings of a section that the rules take under the same name."""
    return {
        field.name: getattr(section, field.name) for field in fields(rules) if hasattr(section, field.name)
    }


def _columns_of_people(data: Data) -> set[str | None]:
    """Columns that say who did what and when, where the catalogue is read from the event log itself."""
    items, events = data.items, data.interactions
    if (items.files, items.connection, items.table) != (events.files, events.connection, events.table):
        return set()
    return {events.user, events.time, events.value, events.event} if items.given else set()


def check_columns(data: Data, staged: Mapping[str, Staged]) -> None:
    """Refuse settings that name a column which was not delivered.

    Raises:
        SettingsError: a column does not exist, or items or interactions are not given at all.
        SourceError: a delivery has no columns.
    """
    also = also_tables(data)
    for kind in ("items", "interactions"):
        if kind not in staged:
            raise SettingsError(f"[data.{kind}] names no files; give files = [...] or a connection there")
    for kind, table in staged.items():
        if kind in joined_tables(data):  # checked when it was joined
            continue
        section = "data.items.also" if kind in also else f"data.{kind}"
        settings = also[kind] if kind in also else getattr(data, kind)
        for key in COLUMNS["also" if kind in also else kind]:
            named = getattr(settings, key)
            for column in named if isinstance(named, tuple) else (named,):
                if column is None or column in table.columns:
                    continue
                where = ", ".join(table.sources)
                if not table.columns:
                    raise SourceError(
                        f"{where} is empty, without even a header; mend the file, or [{section}] files"
                    )
                raise SettingsError(
                    f"[{section}] {key} = '{column}' is no column of {where}; "
                    f"write one of: {', '.join(table.columns)}"
                )


def check_timezones(warehouse: Warehouse, data: Data) -> None:
    """Refuse time zones that do not exist."""
    known = {"utc", *warehouse.query("time_zones")["name"]}
    for section, name in (("interactions", data.interactions.timezone), ("searches", data.searches.timezone)):
        if name.lower() not in known:
            raise SettingsError(
                f"[data.{section}] timezone = '{name}' is unknown; write one such as Europe/Berlin or UTC"
            )
