"""What the tables beside log and catalogue are good for: texts, people, searches, knowledge, nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.ingest.drafting import roles
from tasks.ingest.drafting.links import UNIQUE, link, met
from tasks.ingest.drafting.names import plain_name
from tasks.ingest.drafting.plan import Plan
from tasks.ingest.drafting.roles import NEVER
from tasks.ingest.drafting.tables import Sampled
from warehouse.errors import SettingsError

LINKED = 2.0
NAMES_OF_TRIPLES = {
    "head": ("head", "h", "subject", "entity"),
    "relation": ("relation", "predicate", "rel", "r"),
    "tail": ("tail", "object", "t"),
}


@dataclass(frozen=True)
class Also:
    """A further table about items."""

    table: Sampled
    id: str
    description: str | None
    content: tuple[str, ...]


@dataclass
class Others:
    """The further tables, each with its columns by role, and those that are not used, each with a reason."""

    also: list[Also] = field(default_factory=list)
    users: tuple[Sampled, dict[str, str]] | None = None
    searches: tuple[Sampled, dict[str, str]] | None = None
    triples: tuple[Sampled, dict[str, str]] | None = None
    unused: list[tuple[Sampled, str]] = field(default_factory=list)


def sort_out(plan: Plan, tables: Sequence[Sampled]) -> Others:
    """Say what each table is that the plan does not use."""
    found = Others()
    used = [plan.log.table if plan.log else None, plan.catalogue, *(join.table for join in plan.joins)]
    for table in tables:
        if any(table is one for one in used):
            continue
        if table.given in ("users", "searches", "triples"):
            _keep(found, table.given, table, _as_given(table))
        elif triples := triples_of(table):
            _keep(found, "triples", table, triples)
        elif searches := searches_of(table):
            _keep(found, "searches", table, searches)
        elif about := _about_items(plan, table):
            found.also.append(about)
        elif users := _people(plan, table):
            _keep(found, "users", table, users)
        else:
            found.unused.append((table, _why_not(plan, table)))
    return found


def _keep(found: Others, kind: str, table: Sampled, columns: dict[str, str]) -> None:
    if getattr(found, kind) is None:
        setattr(found, kind, (table, columns))
    else:
        found.unused.append((table, f"one table of {kind} is enough"))


def _as_given(table: Sampled) -> dict[str, str]:
    """The columns of a table that a person said the kind of: the first ones where nothing tells them.

    Raises:
        SettingsError: it has too few columns.
    """
    if table.given == "users":
        points = {name: roles.user(one, table.concepts[name]) for name, one in table.profiles.items()}
        return {"id": max(points, key=lambda name: points[name])}
    found = triples_of(table) if table.given == "triples" else searches_of(table)
    wanted = tuple(NAMES_OF_TRIPLES) if table.given == "triples" else ("user", "query", "time")
    if found is None and table.rows.width < len(wanted):
        raise SettingsError(
            f"{table.name} has {table.rows.width} columns; a table of {table.given} has {', '.join(wanted)}"
        )
    return found or dict(zip(wanted, table.rows.columns, strict=False))


def triples_of(table: Sampled) -> dict[str, str] | None:
    """The columns of knowledge, by their names."""
    plain = {plain_name(name): name for name in reversed(table.rows.columns)}
    found = {
        role: next((plain[one] for one in names if one in plain), None)
        for role, names in NAMES_OF_TRIPLES.items()
    }
    whole = {role: name for role, name in found.items() if name}
    return whole if len(whole) == len(NAMES_OF_TRIPLES) else None


def searches_of(table: Sampled) -> dict[str, str] | None:
    """The columns of searches: who typed what when."""
    found: dict[str, str] = {}
    for role, of in (("query", roles.query), ("user", roles.user), ("time", roles.time)):
        points = {
            name: of(one, table.concepts[name])
            for name, one in table.profiles.items()
            if name not in found.values()
        }
        best = max(points, key=lambda name: points[name], default=None)
        if best is None or points[best] < 1.0:
            return None
        found[role] = best
    items = [roles.item(one, table.concepts[name]) for name, one in table.profiles.items()]
    return found if max(items) < 2.0 else None


def _about_items(plan: Plan, table: Sampled) -> Also | None:
    id_ = plan.column("items.id")
    if plan.catalogue is None or id_ is None:
        return None
    if _names(table, plan.column("interactions.user")):
        return None
    ids = plan.catalogue.profiles[id_]
    points = {name: link(one, ids, plan.catalogue.whole) for name, one in table.profiles.items()}
    shared = max(points, key=lambda name: points[name])
    column = table.profiles[shared]
    strange = plan.catalogue.whole and not met(column, ids)
    if points[shared] < LINKED or column.uniqueness < UNIQUE or strange:
        return None
    texts = {
        name: roles.description(one, table.concepts[name])
        for name, one in table.profiles.items()
        if name != shared
    }
    text = max(texts, key=lambda name: texts[name], default=None)
    text = text if text and texts[text] >= 1.2 else None
    content = content_of(table, {shared, text})
    return Also(table, shared, text, content) if text or content else None


def _names(table: Sampled, column: str | None) -> bool:
    """Whether a table with a header has a column of this name."""
    return table.header and column is not None and plain_name(column) in map(plain_name, table.rows.columns)


def content_of(table: Sampled, taken: set[str | None]) -> tuple[str, ...]:
    """Columns of few words that say what an item is: who made it, its kind, but nothing counted."""
    return tuple(
        name
        for name, one in table.profiles.items()
        if name not in taken
        and (table.concepts[name].get("content") or table.concepts[name].get("category"))
        and not table.concepts[name].keys() & {"computed", "id", "rating", "price", "image", "amount", "late"}
        and one.letters >= 0.5
        and not (one.time or one.truth)
        and one.share(r"^\s*\[?\s*\{") < 0.3
        and one.share(r"https?://") < 0.3
    )


def _people(plan: Plan, table: Sampled) -> dict[str, str] | None:
    if plan.log is None:
        return None
    if _names(table, plan.column("interactions.item")):
        return None
    user = plan.log.columns[plan.column("interactions.user") or ""][0]
    for name, one in table.profiles.items():
        points = roles.user(one, table.concepts[name])
        same = plain_name(name) == plain_name(user.name) or (points > 1.0 and met(user, one) >= 0.3)
        if points > NEVER and same and one.uniqueness >= UNIQUE:
            return {"id": name}
    return None


def _why_not(plan: Plan, table: Sampled) -> str:
    """Why a table is not used, and what it would take."""
    said = table.concepts
    item, user = plan.column("interactions.item"), plan.column("interactions.user")
    with_item, with_user = _names(table, item), _names(table, user)
    if plan.log and with_item and with_user:
        return f"{plan.log.table.name} says more about events"
    named = [name for name, words in said.items() if words.get("relation")]
    if with_item and named:
        return (
            f"several rows an item, of which {named[0]} says what they hold: make it one row an item, "
            "or name it in [data.triples]"
        )
    if plan.catalogue:
        for name in table.rows.columns:
            if name in plan.catalogue.rows.columns and name != plan.column("items.id"):
                return f"names for {name} of {plan.catalogue.name}: join it there to use them"
    return "no text about items or people, and no events, as far as can be told"
