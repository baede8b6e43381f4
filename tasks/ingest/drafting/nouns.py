"""What items are called, from the names of files and columns."""

import re

from tasks.ingest.drafting.names import plain_name

NOUNS = (
    ("book", r"book|isbn|author|buch|libro|livre|livro|ksiazk|книг|书|書籍|본|도서"),
    ("film", r"movie|film|pelicula|фильм|电影|電影|映画|영화"),
    ("song", r"song|artist|album|music|track(id|name|title)|歌曲|楽曲|노래"),
    ("place", r"hotel|travel|destination|attraction|accommodation|restaurant"),
    ("article", r"news|headline|newsarticle|新闻"),
    (
        "product",
        r"product|produ[kcz]|artikel|sku|stockcode|asin|price|brand|preis|goods|商品|产品|товар|상품|urun|item_name",
    ),
)


def noun_of(names: list[str]) -> str:
    """What items are called, from the names of files and columns; `item` where they do not say."""
    words = " ".join(plain_name(name) for name in names)
    patterns = (
        (noun, "|".join(plain_name(one) if one.isalpha() else one for one in marks.split("|")))
        for noun, marks in NOUNS
    )
    return next((noun for noun, marks in patterns if re.search(marks, words)), "item")
