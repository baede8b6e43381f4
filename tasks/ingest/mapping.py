"""What delivered columns mean: from the settings to rules, and whether the columns are there."""

from collections.abc import Mapping, Sequence

from tasks.settings.data import Also, Data
from warehouse.errors import SettingsError, SourceError
from warehouse.validation import Judging, Rows
from warehouse.validation_events import EventRules
from warehouse.validation_items import ItemRules


def also_kind(number: int) -> str:
    """The staged kind of the number-th further table about items, from 0."""
    return f"also{number + 1}"


def event_rules(data: Data, latest: int) -> EventRules:
    """What the columns of the event log mean, and what an event counts.

    Args:
        data: The settings.
        latest: The latest possible time: seconds since 1970 UTC.
    """
    events = data.interactions
    return EventRules(
        user=events.user,
        item=events.item,
        time=events.time,
        timezone=events.timezone,
        value=events.value,
        counts_one=events.value_is == "amount",
        event=events.event,
        latest=latest,
        add_unknown_items=events.unknown_items == "add" and data.max_items is None,
        min_value=events.min_value,
        max_items=data.max_items,
        max_users=data.max_users,
        weights=events.event_weights,
    )


def search_rules(data: Data, latest: int) -> EventRules:
    """What the columns of searches mean."""
    asked = data.searches
    return EventRules(
        user=asked.user,
        item=asked.query,
        time=asked.time,
        timezone=asked.timezone,
        value=None,
        counts_one=True,
        event=None,
        latest=latest,
    )


def item_rules(data: Data, rows: Rows) -> ItemRules:
    """What the columns of the catalogue mean; those that nothing names become attributes."""
    items = data.items
    named = {
        items.id,
        items.title,
        items.description,
        items.categories,
        items.year,
        items.image,
        items.active,
    }
    taken = named | set(items.content) | _columns_of_people(data)
    return ItemRules(
        id=items.id,
        title=items.title,
        description=items.description,
        categories=items.categories,
        category_delimiter=items.category_delimiter,
        year=items.year,
        year_in_title=items.year_in_title,
        image=items.image,
        active=items.active,
        content=items.content,
        attributes=[column for column in rows.columns if column not in taken],
        duplicates=items.duplicates,
        max_items=data.max_items,
    )


def _columns_of_people(data: Data) -> set[str | None]:
    """Columns that say who did what and when, where the catalogue is read from the event log itself."""
    items, events = data.items, data.interactions
    if (items.files, items.connection, items.table) != (events.files, events.connection, events.table):
        return set()
    return {events.user, events.time, events.value, events.event} if items.given else set()


def check_columns(data: Data, rows: Mapping[str, Rows], also: Mapping[str, Also]) -> None:
    """Refuse settings that name a column which was not delivered.

    Raises:
        SettingsError: a column does not exist, or items or interactions are not given at all.
        SourceError: a delivery has no columns.
    """
    items, events = data.items, data.interactions
    wanted: dict[str, Sequence[tuple[str, str | None]]] = {
        "items": [
            *((key, getattr(items, key)) for key in ("id", "title", "description", "categories", "year")),
            *(("image", items.image), ("active", items.active)),
            *(("content", name) for name in items.content),
        ],
        "interactions": [(key, getattr(events, key)) for key in ("user", "item", "time", "value", "event")],
        "users": [("id", data.users.id)],
        "searches": [(key, getattr(data.searches, key)) for key in ("user", "query", "time")],
        "triples": [(key, getattr(data.triples, key)) for key in ("head", "relation", "tail")],
    }
    for kind, table in also.items():
        content = [("content", name) for name in table.content]
        wanted[kind] = [("id", table.id), ("description", table.description), *content]
    for kind in ("items", "interactions"):
        if kind not in rows:
            raise SettingsError(f"[data.{kind}] names no files; give files = [...] or a connection there")
    for kind, staged in rows.items():
        section = "data.items.also" if kind in also else f"data.{kind}"
        for key, column in wanted[kind]:
            if column is None or column in staged.columns:
                continue
            where = ", ".join(staged.sources)
            if not staged.columns:
                raise SourceError(
                    f"{where} is empty, without even a header; mend the file, or [{section}] files"
                )
            raise SettingsError(
                f"[{section}] {key} = '{column}' is no column of {where}; "
                f"write one of: {', '.join(staged.columns)}"
            )


def check_timezones(judging: Judging, data: Data) -> None:
    """Refuse time zones that do not exist."""
    for section, name in (("interactions", data.interactions.timezone), ("searches", data.searches.timezone)):
        if not judging.has_timezone(name):
            raise SettingsError(
                f"[data.{section}] timezone = '{name}' is unknown; write one such as Europe/Berlin or UTC"
            )
