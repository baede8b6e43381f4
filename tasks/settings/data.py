"""The settings of ingest: where tables come from, what their columns mean, which items may be recommended."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from tasks.settings.section import Section

Encoding = Literal["auto", "utf-8", "utf-16", "latin-1"]
Decimal = Literal["auto", ".", ","]
DateOrder = Literal["auto", "day_first", "month_first"]
Earliest = Annotated[date, Field(ge=date(1970, 1, 1))]
Protocol = Literal[
    "temporal_user", "temporal_global", "leave_one_out", "stratified_item", "cold_item", "cold_user"
]
Source = Literal[
    "movielens-100k",
    "movielens-1m",
    "ml-latest-small",
    "goodbooks-10k",
    "amazon-reviews-2023",
    "mind-small",
    "files",
]


class Table(Section):
    """Where rows come from: files, or a table of a database."""

    files: tuple[str, ...] = ()
    """Paths or globs, relative to this TOML file: CSV (also .gz, .zst), JSON lines, or Parquet."""
    connection: str = ""
    """Instead of files: a database, `duckdb:///path/to/file` or `postgresql://user@host/name`."""
    table: str = ""
    """The table to read there: `schema.table`."""
    delimiter: str = Field(default="auto", min_length=1, max_length=4)
    """What separates the fields of a CSV file; "auto" finds out."""
    encoding: Encoding = "auto"
    """The encoding; "auto": UTF-8, UTF-16, or Latin-1 where most non-ASCII bytes are no UTF-8."""
    header: bool = True
    """Whether the first row of a CSV file names the columns; without it they are column0, column1, ..."""

    @property
    def given(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.files or self.connection)

    @model_validator(mode="after")
    def _one_origin(self) -> "Table":
        if self.files and self.connection:
            raise ValueError("give files or a connection, not both")
        if bool(self.connection) != bool(self.table):
            raise ValueError("a connection needs the name of a table: connection = ..., table = ...")
        return self


class Also(Table):
    """A further table about the same items, such as their descriptions; joined by the item's id."""

    id: str = Field(min_length=1)
    """Its column that holds the item's id."""
    description: str | None = None
    """Its column that holds a description."""
    content: tuple[str, ...] = ()
    """Its columns that prompts and vectors may use."""


class Items(Table):
    """The catalogue."""

    id: str = "item_id"
    """The column that holds the item's id."""
    title: str = "title"
    """The column that holds its name."""
    description: str | None = None
    """The column that holds a longer text about it."""
    categories: str | None = None
    """The column that holds its categories: a list, or text cut at category_delimiter; `(none)` is none."""
    category_delimiter: str = Field(default="|", min_length=1)
    """What separates categories in one text."""
    year: str | None = None
    """The column that holds the year it is from."""
    year_in_title: bool = False
    """Whether titles end in a year in brackets, as in `Toy Story (1995)`."""
    image: str | None = None
    """The column that holds the path of its picture."""
    active: str | None = None
    """The column that says whether it may be recommended: true or false, 1 or 0, yes or no."""
    content: tuple[str, ...] = ()
    """Further columns that prompts and vectors may use; all others are kept as attributes only."""
    duplicates: Literal["first", "last", "most_common"] = "first"
    """Which row names an item that has several: `most_common` takes the title that most of them have."""
    also: tuple[Also, ...] = ()
    """Further tables about the same items."""


class Joined(Table):
    """A further table of the event log, such as orders that say who bought; its columns are the log's too."""

    id: str = Field(min_length=1)
    """The column, in both tables under one name, that joins them; the further table has each value once."""


class Interactions(Table):
    """The event log."""

    user: str = "user_id"
    """The column that holds the user's id."""
    item: str = "item_id"
    """The column that holds the item's id."""
    time: str | None = None
    """The column that holds the time; without one, the order in the files is the time."""
    timezone: str = "UTC"
    """The zone of times that name none of their own."""
    date_order: DateOrder = "auto"
    """What is first in dates such as 3/4/25: "day_first", "month_first", or what the column tells."""
    earliest: Earliest = date(1990, 1, 1)
    """No event is older; a number is a time in the unit in which it lies between this day and tomorrow."""
    value: str | None = None
    """The column that holds an explicit value, such as a rating; without one, an event counts 1."""
    decimal: Decimal = "auto"
    """The decimal mark of values, "." or ","; "auto" finds out."""
    value_is: Literal["rating", "amount"] = "rating"
    """"rating", or "amount": it only decides, by min_value, whether an event counts, and counts 1."""
    event: str | None = None
    """The column that holds the type of an event."""
    event_weights: dict[str, float] = Field(default_factory=dict)
    """What an event of each type counts: {view = 1, buy = 5}; others are seen only. Empty: 1 for all."""
    min_value: float | None = None
    """Rows with a lower value only make an item seen, and show no interest. By default all show it."""
    unknown_items: Literal["quarantine", "add"] = "quarantine"
    """What becomes of events with items that the catalogue lacks: set aside, or added under their id."""
    also: tuple[Joined, ...] = ()
    """Further tables of the log, joined one after the other."""

    @field_validator("event_weights")
    @classmethod
    def _not_negative(cls, weights: dict[str, float]) -> dict[str, float]:
        if bad := {name: weight for name, weight in weights.items() if not 0 <= weight < float("inf")}:
            raise ValueError(f"a weight must be 0 or more, got {bad}")
        return weights


class Users(Table):
    """Profiles of users: optional."""

    id: str = "user_id"
    """The column that holds the user's id."""


class Searches(Table):
    """What people searched for: optional."""

    user: str = "user_id"
    """The column that holds the user's id."""
    query: str = "query"
    """The column that holds what was typed."""
    time: str = "time"
    """The column that holds the time."""
    timezone: str = "UTC"
    """The zone of times that name none of their own."""
    date_order: DateOrder = "auto"
    """What is first in dates such as 3/4/25: "day_first", "month_first", or what the column tells."""
    earliest: Earliest = date(1990, 1, 1)
    """No search is older; a number is a time in the unit in which it lies between this day and tomorrow."""


class Triples(Table):
    """Knowledge about items, as head, relation, tail: optional."""

    head: str = "head"
    """The column that holds what the triple is about."""
    relation: str = "relation"
    """The column that holds how head and tail are related."""
    tail: str = "tail"
    """The column that holds what the head is related to."""


class Data(Section):
    """Where items and interactions come from, and how they are split."""

    source: Source = "movielens-100k"
    """A built-in data set, or "files" for tables of your own."""
    category: str = "All_Beauty"
    """Which category of Amazon Reviews 2023."""
    mirror: str = ""
    """Ask this address for built-in sets, not their publishers; files lie below it as host/path."""
    protocol: Protocol = "temporal_user"
    """How interactions are split into train, validation and test."""
    draw: int = Field(default=0, ge=0, le=4)
    """Which of the five random draws of the protocol cold_item."""
    given_events: Literal[1, 2, 5] = 2
    """Protocol cold_user: how many of an unseen user's first events are known."""
    whole_ties: bool = True
    """Protocol stratified_item: keep a user's events of one time in one part; published figures do not."""
    max_items: int | None = Field(default=None, ge=5)
    """Keep only the first so many items of the catalogue, and their events: for a quick try."""
    max_users: int | None = Field(default=None, ge=4)
    """Keep only the first so many users with events that are kept: for a quick try."""
    max_removed_share: float = Field(default=0.2, ge=0, le=1)
    """A delivery that lacks more than this share of the active items stops the run; see --force."""
    force: bool = False
    """Load even such a delivery, or an empty one: what `polyrec run --force` sets."""
    items: Items = Items()
    interactions: Interactions = Interactions()
    users: Users = Users()
    searches: Searches = Searches()
    triples: Triples = Triples()

    @model_validator(mode="after")
    def _ties_are_cut_where_figures_were_published(self) -> "Data":
        if not self.whole_ties and self.protocol != "stratified_item":
            raise ValueError(
                f'whole_ties = false is there for protocol = "stratified_item" only, not {self.protocol!r}; '
                "take it out"
            )
        return self


class Catalogue(Section):
    """Which items may be recommended. The others stay in histories, from which models learn."""

    blocked: tuple[str, ...] = ()
    """Ids of items that are never recommended."""
    excluded_categories: tuple[str, ...] = ()
    """Items of these categories are never recommended."""
    min_interactions: int = Field(default=0, ge=0)
    """Items with fewer events are not recommended."""


class Retention(Section):
    """How much of the past is kept."""

    publications: int = Field(default=7, ge=1)
    """The newest so many publications keep their lists; snapshots follow them."""
    trials_days: int = Field(default=14, ge=1)
    """MLflow runs of single trials of searches go after so many days."""
    runs_days: int = Field(default=90, ge=1)
    """Rows about runs and publications, and MLflow's other runs, go after so many days."""
    texts_days: int = Field(default=30, ge=0)
    """A text that is no longer live, and its vector, go after so many days."""
