"""What the columns of an unknown table mean: told from their names first, then from what they hold."""

import re
import unicodedata
from typing import Literal, NamedTuple

import polars as pl

Kind = Literal["items", "interactions", "users", "searches", "triples"]

# Names as `plain_name` leaves them, the likeliest first.
WORDS = {
    "item": (
        "itemid movieid filmid productid stockcode sku asin parentasin bookid isbn articleid newsid "
        "videoid songid trackid artikelid artikelnummer produktid idproducto idproduit productcode "
        "item product movie film article"
    ),
    "user": (
        "userid customerid readerid memberid visitorid clientid reviewerid kundeid kundennummer idcliente "
        "idclient benutzerid utilisateur user reader customer visitor kunde cliente client"
    ),
    "title": (
        "title itemtitle producttitle movietitle name itemname productname headline titel "
        "bezeichnung produktname titre nom titulo nombre titolo nome"
    ),
    "description": (
        "description overview summary abstract plot synopsis body text beschreibung zusammenfassung "
        "resume descripcion descrizione descricao"
    ),
    "categories": (
        "categories genres category genre tags topics kategorien kategorie genero categoria "
        "categorie department subcategory"
    ),
    "year": "year releaseyear originalpublicationyear publicationyear jahr annee ano anno",
    "image": "image imagepath poster picture bild imagen",
    "active": "active isactive available instock aktiv verfugbar",
    "time": (
        "timestamp time eventtime datetime date createdat invoicedate orderdate purchasedate "
        "unixtime datum zeit zeitstempel fecha data"
    ),
    "rating": "rating stars score overall bewertung note puntuacion voto value",
    "amount": "quantity qty amount menge anzahl quantite cantidad quantita",
    "event": "event eventtype action interactiontype behavior behaviour ereignis type",
    "query": "query searchquery searchterm keywords suchbegriff requete consulta",
    "head": "head subject h",
    "relation": "relation predicate r",
    "tail": "tail object t",
}
NAMES = {role: tuple(words.split()) for role, words in WORDS.items()}
CONTENT = {
    *("author", "authors", "brand", "director", "directors", "actors", "cast", "publisher", "manufacturer"),
    *("language", "color", "colour", "material", "artist", "marke", "autor", "hersteller", "farbe"),
}
WEIGHTS = {
    **dict.fromkeys(("view", "click", "pageview", "impression"), 1),
    **dict.fromkeys(("like", "cart", "addtocart", "wishlist", "comment"), 3),
    **dict.fromkeys(("purchase", "buy", "order", "transaction", "sale"), 5),
    **dict.fromkeys(("return", "refund", "dislike", "cancel", "removefromcart"), 0),
}
DELIMITERS = ("|", ";", ",", "/")
NUMBER = r"^\s*[-+]?\d+([.,]\d+)?\s*$"
TIME = r"^\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}|^\s*\d{1,2}[./-]\d{1,2}[./-]\d{4}"
YEAR_AT_END = r"\((18|19|20)\d\d\)\s*$"


class Inferred(NamedTuple):
    """The column taken for a role, and why."""

    column: str
    why: str


def plain_name(name: str) -> str:
    """A column's name without accents, case and punctuation.

    >>> plain_name("Verfügbar"), plain_name("customer_ID")
    ('verfugbar', 'customerid')
    """
    letters = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


def share(column: pl.Series, pattern: str) -> float:
    """Which share of a column's filled values matches; 0 when none is filled."""
    filled = column.drop_nulls()
    return float(filled.str.contains(pattern).sum()) / len(filled) if len(filled) else 0.0


def looks_like_time(column: pl.Series) -> bool:
    """Whether values are dates, or seconds or milliseconds since 1970 that lie after 1990."""
    return max(share(column, TIME), share(column, r"^\s*\d{9,10}(\.\d+)?\s*$|^\s*\d{12,13}\s*$")) >= 0.8


def _fits(role: str, column: pl.Series) -> bool:
    if not column.drop_nulls().len():
        return True
    match role:
        case "time":
            return looks_like_time(column)
        case "rating" | "amount":
            return share(column, NUMBER) >= 0.8
        case "year":
            return share(column, r"^\s*\d{4}(\.0)?\s*$") >= 0.8
        case "title" | "description" | "query":
            return share(column, NUMBER) < 0.8
        case "event":
            return column.n_unique() <= 30
        case _:
            return True


def find(frame: pl.DataFrame, role: str) -> Inferred | None:
    """The column that is named like a role and holds what such a column holds."""
    named = {plain_name(column): column for column in reversed(frame.columns)}
    for name in NAMES[role]:
        if name in named and _fits(role, frame[named[name]]):
            return Inferred(named[name], f"named like a column of this kind ({name})")
    return None


def kind_of(frame: pl.DataFrame) -> Kind | None:
    """Which table this is; None when it is none that can be told."""
    if all(find(frame, role) for role in ("head", "relation", "tail")):
        return "triples"
    user, item = find(frame, "user"), find(frame, "item")
    if user and item:
        return "interactions"
    if user:
        return "searches" if find(frame, "query") else "users"
    if item_id(frame) and (find(frame, "title") or find(frame, "description")):
        return "items"
    return None


def item_id(frame: pl.DataFrame) -> Inferred | None:
    """The column that names an item in a catalogue."""
    if inferred := find(frame, "item"):
        return inferred
    for column in frame.columns:
        distinct = frame[column].drop_nulls().n_unique() / max(1, frame.height)
        if plain_name(column).endswith("id") and distinct >= 0.95:
            return Inferred(column, f"ends in id; {distinct:.0%} of its values are distinct")
    return None


def infer_items(frame: pl.DataFrame) -> dict[str, Inferred]:
    """Roles of a catalogue's columns; without a title, a description is the title."""
    found: dict[str, Inferred | None] = {"id": item_id(frame)}
    for role in ("title", "description", "categories", "year", "image", "active"):
        found[role] = find(frame, role)
    if not found["title"] and (text := found["description"]):
        found["title"] = Inferred(text.column, "no column is named like a title; this text is the nearest")
        found["description"] = None
    return {role: inferred for role, inferred in found.items() if inferred}


def infer_interactions(frame: pl.DataFrame) -> dict[str, Inferred]:
    """Roles of an event log's columns; `amount` where the number is no rating."""
    roles = ("user", "item", "time", "rating", "amount", "event")
    found = {role: inferred for role in roles if (inferred := find(frame, role))}
    if "time" not in found:
        for column in frame.columns:
            if looks_like_time(frame[column]):
                found["time"] = Inferred(column, "most of its values are times")
                break
    if "rating" in found:
        found.pop("amount", None)
    return found


def infer_content(frame: pl.DataFrame, taken: set[str]) -> list[str]:
    """Further columns that say what an item is; none that is named like a count or a mean is among them."""
    return [column for column in frame.columns if column not in taken and plain_name(column) in CONTENT]


def category_delimiter(column: pl.Series) -> str:
    """What stands between categories: the first of | ; , / that one in twenty values holds."""
    return next((mark for mark in DELIMITERS if share(column, re.escape(mark)) >= 0.05), "|")


def year_in_title(titles: pl.Series) -> bool:
    """Whether most titles end in a year in brackets."""
    return share(titles, YEAR_AT_END) >= 0.5


def event_weights(column: pl.Series) -> dict[str, int]:
    """What each type of event counts: more for a purchase than for a view; 0 for a return; 1 if unknown."""
    types = sorted(column.drop_nulls().unique())
    return {name: WEIGHTS.get(plain_name(name), 1) for name in types}


def smallest_amount(column: pl.Series) -> float:
    """The least amount that is not a return: 1 for whole numbers, else a hundredth."""
    return 1.0 if share(column, r"^\s*[-+]?\d+(\.0)?\s*$") >= 0.95 else 0.01


def noun_of(names: list[str]) -> str:
    """What items are called, from the names of files and columns."""
    words = " ".join(plain_name(name) for name in names)
    for noun, marks in (
        ("book", r"book|isbn|author"),
        ("film", r"movie|film"),
        ("song", r"song|artist|album|music|track(id|name|title)"),
        ("place", r"hotel|travel|destination|attraction|accommodation"),
        ("article", r"news|headline|article"),
        ("product", r"product|sku|stockcode|asin|price|brand"),
    ):
        if re.search(marks, words):
            return noun
    return "item"
