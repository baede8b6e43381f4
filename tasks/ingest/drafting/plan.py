"""Which table is which, and which of its columns has which role: the best guess, the runner-up, how sure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp

from tasks.ingest.drafting import roles
from tasks.ingest.drafting.links import FEW_ROWS, UNIQUE, Join, chancy, depends, joins_of, link, met, unpacks
from tasks.ingest.drafting.names import concepts
from tasks.ingest.drafting.profile import Profile
from tasks.ingest.drafting.roles import NEVER
from tasks.ingest.drafting.tables import Sampled

Answers = Mapping[str, str]
"""What a person said: "items.title" to a column, or to "" for none."""

SURE = 0.75
BEST = 5  # so many columns of a table are thought through for a role
NOTHING = 1.2  # points from which an optional role is better filled than not
NO_CATALOGUE, OF_LOG = -0.5, 0.5


@dataclass(frozen=True)
class Choice:
    """The column of a role, how sure that is, and the next best one."""

    role: str
    column: str
    sure: float
    runner_up: str | None
    runner_up_sure: float

    @property
    def asked(self) -> bool:
        """Whether a person should say."""
        return self.sure < SURE


@dataclass(frozen=True, eq=False)
class Log:
    """An event log with the tables that can be joined to it: every column under its name."""

    table: Sampled
    chains: Sequence[tuple[Join, ...]]

    @cached_property
    def columns(self) -> dict[str, tuple[Profile, tuple[Join, ...]]]:
        """Column to its profile and the tables through which it is reached; the shortest way wins."""
        found: dict[str, tuple[Profile, tuple[Join, ...]]] = {
            name: (profile, ()) for name, profile in self.table.profiles.items()
        }
        for chain in self.chains:
            for name, profile in chain[-1].table.profiles.items():
                found.setdefault(name, (profile, chain))
        return found

    def said(self, name: str) -> roles.Concepts:
        """What a column's name speaks of."""
        return concepts(name) if self.columns[name][1] or self.table.header else {}


@dataclass(frozen=True)
class Guess:
    """One way to understand the tables, and its points."""

    points: float
    log: Log
    user: str
    item: str
    catalogue: Sampled | None
    id: str
    title: str
    certain: Mapping[str, float]  # how far a column can be what it is taken for, whatever the others are


@dataclass
class Plan:
    """What the tables are."""

    log: Log | None = None
    joins: tuple[Join, ...] = ()
    catalogue: Sampled | None = None
    choices: dict[str, Choice] = field(default_factory=dict)
    value_is_amount: bool = False

    def column(self, role: str) -> str | None:
        """The column of a role, such as "items.title"; None when there is none."""
        choice = self.choices.get(role)
        return choice.column if choice else None

    @property
    def packed(self) -> bool:
        """Whether a cell of the log holds several items of the catalogue."""
        item, id_ = self.column("interactions.item"), self.column("items.id")
        if self.log is None or self.catalogue is None or self.from_log or not (item and id_):
            return False
        return unpacks(self.log.columns[item][0], self.catalogue.profiles[id_])

    @property
    def from_log(self) -> bool:
        """Whether the log is the catalogue too."""
        return self.catalogue is not None and self.log is not None and self.catalogue is self.log.table


def make_plan(
    logs: Sequence[Sampled], catalogues: Sequence[Sampled], answers: Answers, others: Sequence[Sampled]
) -> Plan:
    """Understand tables, of which some may be a log, some a catalogue, and others may be joined to a log."""
    plan = Plan()
    guesses = sorted(_guesses(logs, catalogues, answers, others), key=lambda guess: -guess.points)
    if guesses:
        best = guesses[0]
        plan.log, plan.catalogue = best.log, best.catalogue
        alike = [one for one in guesses if one.log.table is best.log.table]
        for role, of in (("interactions.user", "user"), ("interactions.item", "item")):
            plan.choices[role] = _marginal(role, alike, of, answers)
        same = [one for one in alike if one.catalogue is best.catalogue]
        for role, of in (("items.id", "id"), ("items.title", "title")):
            plan.choices[role] = _marginal(role, same, of, answers)
        _further_of_log(plan, answers)
    else:
        _catalogue_alone(plan, catalogues, answers)
    _further_of_items(plan, answers)
    return plan


def _marginal(role: str, guesses: Sequence[Guess], of: str, answers: Answers) -> Choice:
    """How sure the best guess is of a column, by the points of all guesses."""
    weights: dict[str, float] = {}
    for guess in guesses:
        weight = exp(guess.points - guesses[0].points)
        weights[getattr(guess, of)] = max(weights.get(getattr(guess, of), 0.0), weight)
    certain = guesses[0].certain[of]
    return _choice(role, getattr(guesses[0], of), weights, sum(weights.values()) * (1 / certain - 1), answers)


def _choice(role: str, column: str, weights: Mapping[str, float], nothing: float, answers: Answers) -> Choice:
    total = sum(weights.values()) + nothing
    others = sorted(((weight, name) for name, weight in weights.items() if name != column), reverse=True)
    sure = 1.0 if role in answers else weights[column] / total
    if not others:
        return Choice(role, column, sure, None, 0.0)
    return Choice(role, column, sure, others[0][1], others[0][0] / total)


def _guesses(
    logs: Sequence[Sampled], catalogues: Sequence[Sampled], answers: Answers, others: Sequence[Sampled]
) -> Iterator[Guess]:
    for table in logs:
        log = Log(table, joins_of(table, [*others]))
        own = _ownness(log)
        users = _best(
            {name: _user_points(log, name) for name in log.columns}, answers.get("interactions.user")
        )
        items = _best(
            {name: _item_points(log, name) for name in table.profiles}, answers.get("interactions.item")
        )
        for item, item_points in items.items():
            for catalogue, id_, title, points in _catalogues(log, item, catalogues, answers):
                for user, user_points in users.items():
                    if user == item or not (table.given or _plausible(log, user_points)):
                        continue
                    total = own + item_points + user_points + points - _stranger(log, user, catalogue, id_)
                    certain = _certain(log, user_points, item_points, points, catalogue, item, title)
                    yield Guess(total, log, user, item, catalogue, id_, title, certain)


def _plausible(log: Log, user: float) -> bool:
    """Whether a table has somebody who did something: by its name, where there are too few rows to repeat."""
    return user > -1.0 if log.table.rows.height >= FEW_ROWS else user >= 1.0


def _certain(
    log: Log, user: float, item: float, catalogue: float, table: Sampled | None, item_column: str, title: str
) -> dict[str, float]:
    """How far each column can be what it is taken for: from 0 to 1."""
    own = table is log.table
    linked = 0.0 if own else catalogue
    named = roles.title(table.profiles[title], table.concepts[title]) if table else 0.0
    if own:  # a column that goes with the item, or the item itself
        named = max(1.0, named) if title == item_column else named + 1.5
    item_sure = _logistic(2 * max(item, linked - 1.0))
    return {
        "user": _logistic(2 * user),
        "item": item_sure,
        "id": item_sure,
        "title": _logistic(2 * (named - 0.7)),
    }


def _logistic(points: float) -> float:
    return 1 / (1 + exp(-max(-20.0, points)))


def _best(points: Mapping[str, float], forced: str | None) -> dict[str, float]:
    """The few columns with most points; what a person said alone, if anything."""
    if forced is not None:
        return {forced: 5.0} if forced in points else {}
    able = {name: value for name, value in points.items() if value > NEVER}
    return dict(sorted(able.items(), key=lambda one: -one[1])[:BEST])


def _user_points(log: Log, name: str) -> float:
    profile, chain = log.columns[name]
    if chain and name == chain[-1].key:
        return NEVER
    points = roles.user(profile, log.said(name)) - 0.5 * len(chain) - _type_like(log, name)
    points += 0.8 * (profile.grouped >= 0.9 and 5 < profile.n_distinct < 0.5 * len(profile.filled))
    if profile.uniqueness >= UNIQUE and len(profile.filled) >= FEW_ROWS:
        points -= 1.2 if chain else 3.0
    return points - 0.3 * min(3, list(log.columns).index(name)) * (not log.table.header)


def _item_points(log: Log, name: str) -> float:
    profile = log.table.profiles[name]
    points = roles.item(profile, log.said(name)) - _type_like(log, name)
    if points == NEVER and len(profile.packed) > 1:
        points = 0.5 * (profile.share(r"[-:][01](\s|$)") >= 0.9)
    if profile.uniqueness >= UNIQUE and len(profile.filled) >= FEW_ROWS:
        points -= 3.0
    return points


def _type_like(log: Log, name: str) -> float:
    """What counts against a column as an id: that it has few values, as types and ratings have."""
    profile = log.columns[name][0]
    if len(profile.filled) < 3 * FEW_ROWS or log.said(name).keys() & {"user", "item"}:
        return 0.0
    return (
        2.0 * (roles.event(profile, log.said(name)) > 1.0)
        + 2.5 * (profile.n_distinct <= 6)
        + 2.0 * (profile.n_distinct < 2)
    )


def _ownness(log: Log) -> float:
    """Points for a table to be a log of events at all: times, values, types, and its size."""
    said, found = log.table.concepts, log.table.profiles
    points = 0.15 * len(str(log.table.size))
    for kinds in ((roles.time,), (roles.rating, roles.amount), (roles.event,)):
        points += any(kind(found[name], said[name]) > 1.0 for kind in kinds for name in found)
    return points - 3 * sum(kind in words for kind in ("relation",) for words in said.values())


def _stranger(log: Log, user: str, catalogue: Sampled | None, id_: str) -> float:
    """What counts against a user whose values are ids of the catalogue."""
    if catalogue is None or catalogue is log.table:
        return 0.0
    profile = log.columns[user][0]
    return 0.0 if chancy(profile) else 3.0 * met(profile, catalogue.profiles[id_])


def _catalogues(
    log: Log, item: str, catalogues: Sequence[Sampled], answers: Answers
) -> Iterator[tuple[Sampled | None, str, str, float]]:
    """Catalogues for the items of a log: the table, its columns of ids and titles, points."""
    table, profile = log.table, log.table.profiles[item]
    wanted, called = answers.get("items.id"), answers.get("items.title")
    for other in catalogues:
        if other is table:
            continue
        said = other.concepts
        ids = {name: roles.identity(one, said[name]) for name, one in other.profiles.items()}
        for id_, points in _best(ids, wanted).items():
            linked = link(profile, other.profiles[id_], other.whole)
            points += linked - 2.0 * (linked <= 0)
            titles = {
                name: roles.title(one, said[name]) for name, one in other.profiles.items() if name != id_
            }
            for title, more in _best(titles, called).items():
                yield other, id_, title, points + 0.7 * more - 4.0 * (more < 0.8)
            if not titles or max(titles.values()) < 0.5:
                yield other, id_, id_, points - 4.0
    if wanted not in (None, item):
        return
    for title, points in _best(_own_titles(log, item), called).items():
        yield table, item, title, OF_LOG + points
    if called in (None, item):
        yield table, item, item, NO_CATALOGUE + 0.5 * (profile.words > 1.5) + 0.3 * (profile.letters > 0.9)


def _own_titles(log: Log, item: str) -> dict[str, float]:
    """Columns of a log that say what its items are called, with points."""
    found = {}
    for name, profile in log.table.profiles.items():
        said = log.said(name)
        points = roles.title(profile, said) - 1.5 * profile.uniqueness
        if name == item or points == NEVER or profile.letters < 0.5 or (profile.words <= 1 and not said):
            continue
        found[name] = 0.7 * points + (2.0 if depends(log.table.rows, name, item) >= 0.9 else -3.0)
    return found


def _further_of_log(plan: Plan, answers: Answers) -> None:
    """Times, values and types of events, and which tables have to be joined for them."""
    log = plan.log
    assert log
    taken = {plan.column("interactions.user"), plan.column("interactions.item")}
    chain = log.columns[plan.column("interactions.user") or ""][1]
    if not plan.from_log or plan.column("items.title") != plan.column("interactions.item"):
        taken |= {plan.column("items.title")} if plan.from_log else set()
    times = {}
    for name, (profile, way) in log.columns.items():
        reached = 0.0 if way == chain[: len(way)] else 1.0
        times[name] = roles.time(profile, log.said(name)) - reached * len(way) - 0.1 * len(way)
    _add(plan, "interactions.time", times, taken, answers)
    own = log.table.profiles
    event = {name: roles.event(one, log.said(name)) for name, one in own.items()}
    _add(plan, "interactions.event", event, taken, answers)
    rating = {name: roles.rating(one, log.said(name)) for name, one in own.items()}
    amount = {name: roles.amount(one, log.said(name)) for name, one in own.items()}
    _add(plan, "interactions.value", {name: max(rating[name], amount[name]) for name in own}, taken, answers)
    value = plan.column("interactions.value")
    plan.value_is_amount = value is not None and amount[value] > rating[value]
    ways = [log.columns[one][1] for role in ("user", "time") if (one := plan.column(f"interactions.{role}"))]
    plan.joins = tuple(dict.fromkeys(join for way in ways for join in way))


def _add(
    plan: Plan, role: str, points: Mapping[str, float], taken: set[str | None], answers: Answers
) -> None:
    """Give an optional role its column, if one suits it better than none does."""
    if role in answers:
        if answers[role] in points:
            plan.choices[role] = _choice(role, answers[role], {answers[role]: 1.0}, 0.0, answers)
            taken.add(answers[role])
        return
    able = {name: exp(value) for name, value in points.items() if value > NEVER and name not in taken}
    best = max(able, key=lambda name: able[name], default=None)
    if best is not None and able[best] > exp(NOTHING):
        plan.choices[role] = _choice(role, best, able, exp(NOTHING), answers)
        taken.add(best)


def _catalogue_alone(plan: Plan, catalogues: Sequence[Sampled], answers: Answers) -> None:
    """The best catalogue where nothing is a log."""
    best = NEVER
    for table in catalogues:
        said = table.concepts
        ids = {name: roles.identity(one, said[name]) for name, one in table.profiles.items()}
        for id_, points in _best(ids, answers.get("items.id")).items():
            titles = {
                name: roles.title(one, said[name]) for name, one in table.profiles.items() if name != id_
            }
            for title, more in _best(titles, answers.get("items.title")).items():
                if points + more > best:
                    best, plan.catalogue = points + more, table
                    for role, column, others in (("items.id", id_, ids), ("items.title", title, titles)):
                        weights = {name: exp(one) for name, one in others.items() if one > NEVER}
                        plan.choices[role] = _choice(role, column, weights, 1.0, answers)


def _further_of_items(plan: Plan, answers: Answers) -> None:
    """What else a catalogue says of items."""
    table = plan.catalogue
    if table is None:
        return
    taken: set[str | None] = {
        choice.column for choice in plan.choices.values() if plan.from_log or choice.role.startswith("items.")
    }
    for role in ("active", "image", "year", "description", "categories"):
        of = roles.POINTS["items"][role]
        points = {
            name: of(one, table.concepts[name])
            for name, one in table.profiles.items()
            if not plan.from_log or depends(table.rows, name, plan.column("items.id") or "") >= 0.95
        }
        _add(plan, f"items.{role}", points, taken, answers)
