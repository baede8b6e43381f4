"""From what is known of the tables to the lines of a TOML file, each with its reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tasks.ingest.drafting.events import event_weights, lowest_interest, smallest_amount
from tasks.ingest.drafting.others import Others, content_of
from tasks.ingest.drafting.plan import Choice, Plan
from tasks.ingest.drafting.profile import Profile
from tasks.ingest.drafting.tables import Sampled
from tasks.ingest.drafting.toml import one_line, toml

YEAR_AT_END = r"\((18|19|20)\d\d\)\s*$"
SAMPLE_ROWS = 3
ITEM_ROLES = ("id", "title", "description", "categories", "year", "image", "active")
EVENT_ROLES = ("user", "item", "time", "value", "event")


@dataclass(frozen=True)
class Told:
    """One inferred key, for people: table, key of the TOML, value, why, how sure."""

    table: str
    key: str
    value: str
    why: str
    sure: str = ""


@dataclass(frozen=True)
class Question:
    """A role of which the draft is not sure, with rows that help to say."""

    choice: Choice
    columns: tuple[str, ...]  # all that may be named
    rows: tuple[tuple[str, ...], ...]  # of the first columns, for people

    def sentence(self) -> str:
        """Best guess, runner-up, and how sure that is."""
        one = self.choice
        other = f", or {one.runner_up} ({one.runner_up_sure:.0%})" if one.runner_up else ""
        return f"{one.role}: {one.column} ({one.sure:.0%} sure){other}"


@dataclass
class Draft:
    """A configuration and the reasons behind it."""

    told: list[Told] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    table: str = ""

    @property
    def text(self) -> str:
        """The TOML file."""
        return "\n".join(self.lines).strip() + "\n"

    def begin(self, table: str, sampled: Sampled | None = None) -> None:
        """Begin a table, to which the next keys belong, and name its files."""
        self.table = table
        self.lines += ["", f"[{table}]" if not table.endswith("also") else f"[[{table}]]"]
        if sampled:
            self.lines.append(f"files = {toml(sampled.files)}")
            if not sampled.header:
                self.key(
                    "header", False, "The first row holds values, no names: columns are column0, column1, ..."
                )

    def key(self, key: str, value: object, why: str, sure: str = "") -> None:
        """Set a key, with the reason as its comment."""
        self.told.append(Told(self.table, key, str(value), why, sure))
        self.lines += [f"# {one_line(why)}{f'; {sure} sure' if sure else ''}", f"{key} = {toml(value)}"]

    def comment(self, text: str) -> None:
        """Say something to whoever reads the TOML file."""
        self.lines.append(f"# {one_line(text)}")


def write_tables(made: Draft, plan: Plan, others: Others, asked: Sequence[str]) -> None:
    """Write the tables of a plan; `asked` are roles that a person has answered."""
    _items(made, plan)
    for also in others.also:
        made.begin("data.items.also", also.table)
        made.key("id", also.id, "The item's id, as in the catalogue.")
        if also.description:
            made.key("description", also.description, _looks(also.table.profiles[also.description]))
        _content(made, also.content)
        _rest(made, also.table, {also.id, also.description, *also.content}, "kept as attributes")
    _interactions(made, plan)
    for kind in ("users", "searches", "triples"):
        if found := getattr(others, kind):
            table, columns = found
            made.begin(f"data.{kind}", table)
            for role, column in columns.items():
                made.key(role, column, _looks(table.profiles[column]))
            kept = "kept as the profile" if kind == "users" else "not kept"
            _rest(made, table, set(columns.values()), kept)
    for table, why in others.unused:
        made.unused.append(f"{table.name}: {why}")
        made.lines.append("")
        made.comment(f"Not used: {table.name}: {why}. Its columns:")
        _listed(made, table, ())
    unsure = [one for one in plan.choices.values() if one.asked and one.role not in asked]
    ordered = sorted(unsure, key=lambda one: not one.role.startswith("items."))
    made.questions = [_question(plan, choice) for choice in ordered]


def _items(made: Draft, plan: Plan) -> None:
    table = plan.catalogue
    made.begin("data.items", table)
    if table is None:
        made.missing.append("a catalogue: a table with an item's id and its title; name it with --items")
        made.comment('files = ["items.csv"]  # missing: a table with an item\'s id and its title')
        return
    said = [name for role in ITEM_ROLES if (name := plan.column(f"items.{role}"))]
    for role in ITEM_ROLES:
        _chosen(made, plan, "items", role, table.profiles)
        column = plan.column(f"items.{role}")
        if role == "title" and column and table.profiles[column].share(YEAR_AT_END) >= 0.5:
            made.key("year_in_title", True, "Most titles end in a year in brackets.")
        if role == "categories" and column and table.profiles[column].listed < 0.5:
            mark = table.profiles[column].separator or "|"
            made.key("category_delimiter", mark, "What stands between categories.")
    if plan.from_log:
        made.key("duplicates", "most_common", "A log names an item in every event, not always alike.")
        return
    content = content_of(table, set(said))
    _content(made, content)
    _rest(made, table, {*said, *content}, "kept as attributes")


def _content(made: Draft, content: Sequence[str]) -> None:
    if content:
        made.key("content", list(content), "Columns that say what an item is.")


def _chosen(made: Draft, plan: Plan, section: str, role: str, profiles: dict[str, Profile]) -> None:
    choice = plan.choices.get(f"{section}.{role}")
    if choice is None:
        return
    why = _looks(profiles[choice.column])
    if choice.asked and choice.runner_up:
        why += f"; else {choice.runner_up} ({choice.runner_up_sure:.0%})"
    made.key(role, choice.column, why, f"{choice.sure:.0%}")


def _looks(profile: Profile) -> str:
    return f"{profile.describe()}, such as {profile.example}"


def _interactions(made: Draft, plan: Plan) -> None:
    log = plan.log
    made.begin("data.interactions", log.table if log else None)
    if log is None:
        made.missing.append("an event log: a table with a user and an item; name it with --interactions")
        made.comment('files = ["events.csv"]  # missing: a table with a user and an item')
        return
    profiles = {name: profile for name, (profile, _) in log.columns.items()}
    for role in EVENT_ROLES:
        _chosen(made, plan, "interactions", role, profiles)
        column = plan.column(f"interactions.{role}")
        if role == "value" and column:
            _scale(made, profiles[column], plan.value_is_amount)
        if role == "event" and column:
            _weights(made, profiles[column])
    if plan.packed:
        _packed(made, plan)
    if not plan.column("interactions.time"):
        made.comment("No column of times: the order in the files is the time.")
    if log.table.note:
        made.missing.append(f"{log.table.name} {log.table.note}")
        made.comment(f"{log.table.name} {log.table.note}")
    named = {
        choice.column
        for choice in plan.choices.values()
        if choice.role.startswith("interactions.") or plan.from_log
    }
    kept = "kept as attributes of the item" if plan.from_log else "not kept"
    _rest(made, log.table, named, kept)
    for join in plan.joins:
        made.begin("data.interactions.also", join.table)
        made.key("id", join.key, "One row for each of its values, which the log has too.")
        _rest(made, join.table, {join.key, *named}, "not kept")


def _packed(made: Draft, plan: Plan) -> None:
    """Say what to do where a cell holds several items."""
    item, time = plan.column("interactions.item"), plan.column("interactions.time")
    kept = ", ".join(f'"{one}"' for one in (plan.column("interactions.user"), time) if one)
    says = (
        f"{item} holds several items in a cell, and an event has one: write one row for each, as in "
        f"DuckDB: select {kept}, unnest(regexp_extract_all(\"{item}\", '[^ ,;|]+')) as item from ... "
        "(a mark such as -1 behind an id says whether it was clicked: keep those, without the mark)"
    )
    made.missing.append(says)
    made.comment(says)


def _scale(made: Draft, profile: Profile, amount: bool) -> None:
    """What a value means, and from which value on it is interest."""
    if amount:
        made.key("value_is", "amount", "How many is no rating: an event counts 1.")
        made.key(
            "min_value",
            smallest_amount(profile),
            "Less is a return, and no interest: it only makes an item seen.",
        )
        return
    found = lowest_interest(profile.steps)
    lowest = profile.numbers.min()
    if found is None and isinstance(lowest, float) and lowest < 0:
        found = (0.0, True)
    if found is None:
        return
    least, plain = found
    if plain:
        why = f"Values go down to {lowest:g}: lower ones say no interest, so such events are only seen."
        made.key("min_value", least, why)
    else:
        shown = ", ".join(f"{step:g}" for step in profile.steps if step < least)
        made.comment(f"min_value = {least:g}  # would make {shown} seen only; now all values are interest")
        made.hints.append(
            f"every value of {profile.name} is interest; if {shown} say dislike, take the comment sign from "
            f"min_value = {least:g} in [data.interactions]: such events are then seen only"
        )


def _weights(made: Draft, profile: Profile) -> None:
    weights = event_weights(profile.filled.unique().to_list())
    if profile.truth:
        weights = {name: min(weight, 1) for name, weight in weights.items()}
    made.key("event_weights", weights, "From the names of the types; change them. 0: seen, but no interest.")


def _rest(made: Draft, table: Sampled, named: Iterable[str | None], kept: str) -> None:
    if rest := [name for name in table.rows.columns if name not in set(named)]:
        made.comment(f"Further columns, {kept}:")
        _listed(made, table, [name for name in table.rows.columns if name not in rest])


def _listed(made: Draft, table: Sampled, named: Sequence[str]) -> None:
    for name, profile in table.profiles.items():
        if name not in named:
            made.comment(f"  {name}: {_looks(profile)}")


def _question(plan: Plan, choice: Choice) -> Question:
    section = choice.role.partition(".")[0]
    table = plan.catalogue if section == "items" else plan.log.table if plan.log else None
    assert table
    columns = list(plan.log.columns) if section == "interactions" and plan.log else table.rows.columns
    shown = [choice.column, *([choice.runner_up] if choice.runner_up else [])]
    shown = [name for name in dict.fromkeys([*shown, *table.rows.columns]) if name in table.rows.columns]
    rows = table.rows.select(shown[:5]).head(SAMPLE_ROWS)
    cells = tuple(tuple(str(value or "") for value in row) for row in rows.iter_rows())
    return Question(choice, tuple(dict.fromkeys([*shown, *columns])), cells)
