"""Small files in the published forms of public data sets, and what their columns mean by their publishers.

Headers, forms of values and file names are the publishers'; the rows are made here. Each function writes a set
into a folder and returns the truth: role to column, to several that are right, or to None where there is none.
"""

import csv
import io
import json
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from hashlib import md5, sha1
from pathlib import Path
from uuid import UUID

Truth = dict[str, str | tuple[str, ...] | None]
N_ITEMS, N_USERS, N_EVENTS = 60, 40, 600
START = 1_571_000_000
ADJECTIVES = [
    "Amber",
    "Silent",
    "Broken",
    "Golden",
    "Hidden",
    "Crimson",
    "Distant",
    "Frozen",
    "Gentle",
    "Hollow",
    "Iron",
    "Lonely",
    "Midnight",
    "Northern",
]
NOUNS = [
    "River",
    "Dawn",
    "Kite",
    "Bridge",
    "Garden",
    "Letter",
    "Empire",
    "Harbour",
    "Mirror",
    "Orchard",
    "Sparrow",
    "Tower",
    "Winter",
    "Lantern",
    "Voyage",
]
GENRES = ("Drama", "Comedy", "Thriller", "Romance", "Documentary", "Sci-Fi")
SENTENCE = "a long way home told in letters between two sisters who run one small shop by the sea and never speak of it"


class Made:
    """Seeded ids, titles and events of a set."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.items = list(range(N_ITEMS))
        self.users = list(range(N_USERS))

    def title(self, n: int) -> str:
        """A title, another one for each number."""
        return f"The {ADJECTIVES[n % len(ADJECTIVES)]} {NOUNS[n // len(ADJECTIVES) % len(NOUNS)]}{' II' * (n % 5 == 4)}"

    def text(self) -> str:
        """A text of about 20 words."""
        words = SENTENCE.split()
        self.random.shuffle(words)
        return " ".join(words).capitalize() + "."

    def genres(self, mark: str) -> str:
        """One to three kinds."""
        return mark.join(self.random.sample(GENRES, self.random.randint(1, 3)))

    def events(self, n: int = N_EVENTS) -> list[tuple[int, int, int]]:
        """User, item and second, by user; popular items more often."""
        users = sorted(self.random.choice(self.users) for _ in range(n))
        rows = [(user, int(N_ITEMS * self.random.random() ** 2), self.second()) for user in users]
        return sorted(rows, key=lambda row: (row[0], row[2]))

    def second(self) -> int:
        """A time."""
        return START + self.random.randrange(40_000_000)

    def one(self, choices: Sequence[str]) -> str:
        """One of them, the first ones more often."""
        return choices[int(len(choices) * self.random.random() ** 2)]


def write(
    file: Path, rows: Iterable[Sequence[object]], header: str = "", mark: str = ",", encoding: str = "utf-8"
) -> None:
    """A CSV file; `header` has its names apart by the delimiter."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=mark, lineterminator="\n")
    writer.writerows([header.split(mark)] if header else [])
    writer.writerows(rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.getvalue().encode(encoding))


def write_lines(file: Path, rows: Iterable[object]) -> None:
    """JSON lines."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def stamp(second: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time as text."""
    return datetime.fromtimestamp(second, UTC).strftime(form)


def hexadecimal(kind: str, n: int) -> str:
    """An id of 32 hexadecimal digits."""
    return md5(f"{kind}{n}".encode(), usedforsecurity=False).hexdigest()


def base64_id(kind: str, n: int) -> str:
    """An id of 22 letters, digits, dashes and underscores, as Yelp has."""
    made = random.Random(f"{kind}{n}")
    return "".join(
        made.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") for _ in range(22)
    )


def movielens_25m(folder: Path, made: Made) -> Truth:
    """GroupLens, 2019."""
    write(
        folder / "movies.csv",
        [(n + 1, f"{made.title(n)} ({1960 + n})", made.genres("|")) for n in made.items],
        "movieId,title,genres",
    )
    write(
        folder / "ratings.csv",
        [(u + 1, i + 1, made.random.randint(1, 10) / 2, t) for u, i, t in made.events()],
        "userId,movieId,rating,timestamp",
    )
    write(
        folder / "tags.csv",
        [(u + 1, i + 1, made.one(("funny", "twist ending", "slow")), t) for u, i, t in made.events(90)],
        "userId,movieId,tag,timestamp",
    )
    write(
        folder / "links.csv",
        [(n + 1, f"{114709 + 7 * n:07}", 862 + 3 * n) for n in made.items],
        "movieId,imdbId,tmdbId",
    )
    write(
        folder / "genome-scores.csv",
        [(n + 1, tag, round(made.random.random(), 5)) for n in made.items for tag in range(1, 4)],
        "movieId,tagId,relevance",
    )
    write(folder / "genome-tags.csv", enumerate(("007", "18th century", "action"), 1), "tagId,tag")
    items = {"items.id": "movieId", "items.title": "title", "items.categories": "genres"}
    return {**items, **_log("userId", "movieId", "timestamp", "rating")}


def _log(user: str, item: str, time: str | None, value: str | None = None, event: str | None = None) -> Truth:
    return {
        "interactions.user": user,
        "interactions.item": item,
        "interactions.time": time,
        "interactions.value": value,
        "interactions.event": event,
    }


def goodbooks(folder: Path, made: Made) -> Truth:
    """goodbooks-10k, Zygmunt Zajac, 2017."""
    header = (
        "book_id,goodreads_book_id,best_book_id,work_id,books_count,isbn,isbn13,authors,original_publication_year,"
        "original_title,title,language_code,average_rating,ratings_count,work_ratings_count,work_text_reviews_count,"
        "ratings_1,ratings_2,ratings_3,ratings_4,ratings_5,image_url,small_image_url"
    )
    picture = "https://images.gr-assets.com/books/{}m/{}.jpg"
    books = [
        (n + 1, 2767052 + n, 2767052 + n, 2792775 + n, 272 - n, 439023483 + n, f"978043902{n:04}.0", f"{NOUNS[n % 9]} Collins",
         f"{1950 + n}.0", made.title(n), f"{made.title(n)} (Series, #{n})", "eng", 4.34, 4780653 - 9 * n, 4942365 - n, 155254, 66715,
         127936, 560092, 1481305, 2706317, picture.format(1447303603 + n, n), picture.format(1447303603 + n, f"s{n}"))
        for n in made.items
    ]  # fmt: skip
    write(folder / "books.csv", books, header)
    write(
        folder / "ratings.csv",
        [(u + 1, i + 1, made.random.randint(1, 5)) for u, i, _ in made.events()],
        "user_id,book_id,rating",
    )
    write(folder / "to_read.csv", [(u + 1, i + 1) for u, i, _ in made.events(200)], "user_id,book_id")
    write(
        folder / "book_tags.csv",
        [(2767052 + n, tag, 900 - n) for n in made.items for tag in (30574, 11305)],
        "goodreads_book_id,tag_id,count",
    )
    write(folder / "tags.csv", [(30574, "to-read"), (11305, "fantasy")], "tag_id,tag_name")
    items = {
        "items.id": "book_id",
        "items.title": ("title", "original_title"),
        "items.year": "original_publication_year",
    }
    return {
        **items,
        "items.image": ("image_url", "small_image_url"),
        **_log("user_id", "book_id", None, "rating"),
    }


def h_and_m(folder: Path, made: Made) -> Truth:
    """H&M Personalized Fashion Recommendations, Kaggle, 2022."""
    header = (
        "article_id,product_code,prod_name,product_type_no,product_type_name,product_group_name,graphical_appearance_no,"
        "graphical_appearance_name,colour_group_code,colour_group_name,department_no,department_name,index_code,index_name,"
        "section_no,section_name,garment_group_no,garment_group_name,detail_desc"
    )
    kinds = ("Vest top", "Bra", "Trousers", "Sweater")
    articles = [
        (f"0{108775015 + 13 * n}", 108775 + n // 3, made.title(n), 253 + n % 4, kinds[n % 4], ("Garment Upper body", "Underwear")[n % 2],
         1010016, ("Solid", "Stripe")[n % 2], 9 + n % 3, ("Black", "White", "Off White")[n % 3], 1676 + n % 5, f"{NOUNS[n % 5]} Basic",
         "AB"[n % 2], ("Ladieswear", "Divided")[n % 2], 16, "Womens Everyday Basics", 1002, "Jersey Basic", made.text())
        for n in made.items
    ]  # fmt: skip
    write(folder / "articles.csv", articles, header)
    people = [
        (hexadecimal("c", n) * 2, "", "", "ACTIVE", "NONE", 20 + n, hexadecimal("p", n) * 2)
        for n in made.users
    ]
    write(
        folder / "customers.csv",
        people,
        "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code",
    )
    sales = [
        (
            stamp(t, "%Y-%m-%d"),
            hexadecimal("c", u) * 2,
            f"0{108775015 + 13 * i}",
            0.0508305084745762 + i / 977,
            1 + i % 2,
        )
        for u, i, t in made.events()
    ]
    write(
        folder / "transactions_train.csv",
        sorted(sales),
        "t_dat,customer_id,article_id,price,sales_channel_id",
    )
    items: Truth = {"items.id": "article_id", "items.title": "prod_name", "items.description": "detail_desc"}
    kinds_of: Truth = {
        "items.categories": (
            "product_type_name",
            "product_group_name",
            "garment_group_name",
            "department_name",
            "section_name",
            "index_name",
        )
    }
    return {**items, **kinds_of, "users.id": "customer_id", **_log("customer_id", "article_id", "t_dat")}


def retailrocket(folder: Path, made: Made) -> Truth:
    """RetailRocket, Kaggle, 2017: times in milliseconds, properties as a long table, no titles."""
    events = []
    for n, (u, i, t) in enumerate(made.events()):
        kind = made.one(("view", "view", "addtocart", "transaction"))
        events.append(
            (
                t * 1000 + n % 1000,
                257597 + 31 * u,
                kind,
                355908 + 17 * i,
                4000 + n if kind == "transaction" else "",
            )
        )
    write(folder / "events.csv", events, "timestamp,visitorid,event,itemid,transactionid")
    for part in (1, 2):
        rows = [
            (made.second() * 1000, 355908 + 17 * i, key, f"n{i}.000 {made.random.randrange(10**6)}")
            for i in made.items
            for key in ("categoryid", "790", "888")
        ]
        write(folder / f"item_properties_part{part}.csv", rows, "timestamp,itemid,property,value")
    write(folder / "category_tree.csv", [(1016 + n, 213 + n % 3) for n in range(20)], "categoryid,parentid")
    items: Truth = {"items.id": "itemid", "items.title": "itemid"}
    return {**items, **_log("visitorid", "itemid", "timestamp", None, "event")}


def instacart(folder: Path, made: Made) -> Truth:
    """Instacart Market Basket Analysis, 2017: who bought stands in a second table."""
    orders, lines, number = [], [], 0
    for user in made.users:
        for nth in range(1, 6):
            number += 1
            since = "" if nth == 1 else f"{made.random.randint(1, 30)}.0"
            orders.append(
                (
                    2539329 + 7 * number,
                    user + 1,
                    "prior" if nth < 5 else "train",
                    nth,
                    nth % 7,
                    f"{8 + nth:02}",
                    since,
                )
            )
            basket = made.random.sample(made.items, 4)
            lines += [
                (nth, (2539329 + 7 * number, 196 + i, at, made.random.randint(0, 1)))
                for at, i in enumerate(basket, 1)
            ]
    write(
        folder / "orders.csv",
        orders,
        "order_id,user_id,eval_set,order_number,order_dow,order_hour_of_day,days_since_prior_order",
    )
    header = "order_id,product_id,add_to_cart_order,reordered"
    write(folder / "order_products__prior.csv", [line for nth, line in lines if nth < 5], header)
    write(folder / "order_products__train.csv", [line for nth, line in lines if nth == 5], header)
    write(
        folder / "products.csv",
        [(196 + n, made.title(n), 1 + n % 9, 1 + n % 4) for n in made.items],
        "product_id,product_name,aisle_id,department_id",
    )
    write(folder / "aisles.csv", [(n, f"{NOUNS[n].lower()} fresh") for n in range(1, 10)], "aisle_id,aisle")
    write(
        folder / "departments.csv",
        enumerate(("frozen", "other", "bakery", "produce"), 1),
        "department_id,department",
    )
    items: Truth = {"items.id": "product_id", "items.title": "product_name"}
    return {**items, "interactions.user": "user_id", "interactions.item": "product_id"}


def steam_200k(folder: Path, made: Made) -> Truth:
    """Steam Video Games, Kaggle, 2016: no header, the game's name is its id."""
    rows = []
    for u, i, _ in made.events():
        rows.append((151603712 + 97 * u, made.title(i), "purchase", 1.0, 0))
        if made.random.random() < 0.6:
            rows.append((151603712 + 97 * u, made.title(i), "play", made.random.randrange(1, 3000) / 10, 0))
    write(folder / "steam-200k.csv", rows)
    items: Truth = {"items.id": "column1", "items.title": "column1"}
    return {
        **items,
        "interactions.user": "column0",
        "interactions.item": "column1",
        "interactions.event": "column2",
    }


def olist(folder: Path, made: Made) -> Truth:
    """Brazilian E-Commerce by Olist, Kaggle, 2018: no titles, a customer_id for each order."""
    kinds = ("perfumaria", "artes", "esporte_lazer", "bebes", "utilidades_domesticas")
    products = [
        (hexadecimal("i", n), kinds[n % 5], 40 + n % 20, 287 + n, 1 + n % 4, 225 + n, 16, 10, 14)
        for n in made.items
    ]
    header = "product_id,product_category_name,product_name_lenght,product_description_lenght,product_photos_qty,product_weight_g"
    write(
        folder / "olist_products_dataset.csv",
        products,
        header + ",product_length_cm,product_height_cm,product_width_cm",
    )
    orders, lines, people, reviews = [], [], [], []
    for n, (u, i, t) in enumerate(made.events()):
        order, person = hexadecimal("o", n), hexadecimal("k", n)
        later = [stamp(t + days * 86400) for days in (0, 1, 3, 9)]
        orders.append((order, person, "delivered", stamp(t), *later))
        people.append((person, hexadecimal("u", u), 14409 + u, "franca", "SP"))
        for line in range(1, 2 + n % 2):
            product = hexadecimal("i", (i + line) % N_ITEMS)
            lines.append(
                (order, line, product, hexadecimal("s", n % 7), stamp(t + 6 * 86400), 58.9 + i, 13.29)
            )
        reviews.append(
            (
                hexadecimal("r", n),
                order,
                1 + n % 5,
                "",
                made.text() if n % 3 else "",
                stamp(t + 10 * 86400, "%Y-%m-%d 00:00:00"),
                stamp(t + 11 * 86400),
            )
        )
    header = "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date"
    write(
        folder / "olist_orders_dataset.csv",
        orders,
        header + ",order_delivered_customer_date,order_estimated_delivery_date",
    )
    write(
        folder / "olist_order_items_dataset.csv",
        lines,
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value",
    )
    write(
        folder / "olist_customers_dataset.csv",
        people,
        "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state",
    )
    header = "review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,review_answer_timestamp"
    write(folder / "olist_order_reviews_dataset.csv", reviews, header)
    write(
        folder / "product_category_name_translation.csv",
        zip(kinds, ("perfumery", "art", "sports", "baby", "housewares"), strict=True),
        "product_category_name,product_category_name_english",
    )
    items: Truth = {"items.id": "product_id", "items.title": ("product_category_name", "product_id")}
    users: Truth = {
        "interactions.user": ("customer_unique_id", "customer_id"),
        "interactions.item": "product_id",
    }
    return {**items, **users, "interactions.time": "order_purchase_timestamp"}


def amazon_2023(folder: Path, made: Made) -> Truth:
    """Amazon Reviews 2023, McAuley Lab: JSON lines, lists as text, milliseconds."""

    def asin(n: int) -> str:
        return f"B0{hexadecimal('a', n)[:8].upper()}"

    meta = [
        {"main_category": "All Beauty", "title": f"{made.title(n)} Shampoo, {n} oz", "average_rating": 4.8, "rating_number": 10 + n,
         "features": [made.text()] if n % 2 else [], "description": [made.text(), made.text()] if n % 3 else [], "price": None if n % 2 else 9.5 + n,
         "images": [{"thumb": f"https://m.media-amazon.com/images/I/{n}.jpg", "large": f"https://m.media-amazon.com/images/I/{n}L.jpg", "variant": "MAIN"}],
         "videos": [], "store": f"{NOUNS[n % 7]} Labs", "categories": [] if n % 4 else ["Beauty", GENRES[n % 6]], "details": {"Brand": "x"},
         "parent_asin": asin(n), "bought_together": None}
        for n in made.items
    ]  # fmt: skip
    write_lines(folder / "meta_All_Beauty.jsonl", meta)
    reviews = [
        {"rating": float(made.random.randint(1, 5)), "title": made.one(("Five Stars", "Great", "Not for me", "Such a lovely scent")), "text": made.text(),
         "images": [], "asin": asin(i) if n % 3 else asin(1000 + i), "parent_asin": asin(i), "user_id": f"A{hexadecimal('u', u)[:27].upper()}",
         "timestamp": t * 1000 + 396, "helpful_vote": n % 3, "verified_purchase": n % 4 != 0}
        for n, (u, i, t) in enumerate(made.events())
    ]  # fmt: skip
    write_lines(folder / "All_Beauty.jsonl", reviews)
    items: Truth = {
        "items.id": "parent_asin",
        "items.title": "title",
        "items.description": ("description", "features"),
    }
    return {
        **items,
        "items.categories": ("categories", "main_category"),
        **_log("user_id", "parent_asin", "timestamp", "rating"),
    }


def yelp(folder: Path, made: Made) -> Truth:
    """Yelp Open Dataset: JSON lines."""
    businesses = [
        {"business_id": base64_id("b", n), "name": f"{made.title(n)} Cafe", "address": f"{n} Main St", "city": "Tampa", "state": "FL", "postal_code": "33602",
         "latitude": 27.9 + n / 99, "longitude": -82.4, "stars": 3.5, "review_count": 22 + n, "is_open": int(n % 9 > 0),
         "attributes": {"WiFi": "u'free'"} if n % 3 else None, "categories": made.genres(", ") + ", Restaurants", "hours": {"Monday": "8:0-22:0"}}
        for n in made.items
    ]  # fmt: skip
    write_lines(folder / "yelp_academic_dataset_business.json", businesses)
    reviews = [
        {"review_id": base64_id("r", n), "user_id": base64_id("u", u), "business_id": base64_id("b", i), "stars": float(made.random.randint(1, 5)),
         "useful": n % 4, "funny": 0, "cool": n % 2, "text": made.text(), "date": stamp(t)}
        for n, (u, i, t) in enumerate(made.events())
    ]  # fmt: skip
    write_lines(folder / "yelp_academic_dataset_review.json", reviews)
    people = [
        {"user_id": base64_id("u", n), "name": NOUNS[n % 15], "review_count": 9, "yelping_since": "2007-01-25 16:47:26", "useful": 7, "friends": "None", "fans": n, "average_stars": 3.9}
        for n in made.users
    ]  # fmt: skip
    write_lines(folder / "yelp_academic_dataset_user.json", people)
    tips = [
        {
            "user_id": base64_id("u", u),
            "business_id": base64_id("b", i),
            "text": "Avengers time",
            "date": stamp(t),
            "compliment_count": 0,
        }
        for u, i, t in made.events(90)
    ]
    write_lines(folder / "yelp_academic_dataset_tip.json", tips)
    items: Truth = {
        "items.id": "business_id",
        "items.title": "name",
        "items.categories": "categories",
        "items.active": "is_open",
    }
    return {**items, "users.id": "user_id", **_log("user_id", "business_id", "date", "stars")}


def mind(folder: Path, made: Made) -> Truth:
    """MIND-small, Microsoft: tab-separated, no header, several articles in a cell."""
    entity = json.dumps(
        [
            {
                "Label": "Prince Philip",
                "Type": "P",
                "WikidataId": "Q80976",
                "Confidence": 1.0,
                "OccurrenceOffsets": [48],
                "SurfaceForms": ["Prince"],
            }
        ]
    )
    news = [
        (f"N{55528 + 13 * n}", ("lifestyle", "sports", "news")[n % 3], ("lifestyleroyals", "football_nfl", "newsus", "newsworld")[n % 4],
         f"{made.title(n)} makes people wonder what comes next", made.text(), f"https://assets.msn.com/labs/mind/AAGH{n}.html", entity, "[]" if n % 2 else entity)
        for n in made.items
    ]  # fmt: skip
    write(folder / "news.tsv", news, mark="\t")
    rows = []
    for n, (u, i, t) in enumerate(made.events()):
        history = " ".join(f"N{55528 + 13 * made.random.choice(made.items)}" for _ in range(5))
        shown = " ".join(
            f"N{55528 + 13 * one}-{int(one == i)}"
            for one in dict.fromkeys((i, *made.random.sample(made.items, 4)))
        )
        rows.append((n + 1, f"U{13740 + 7 * u}", stamp(t, "%m/%d/%Y %I:%M:%S %p"), history, shown))
    write(folder / "behaviors.tsv", rows, mark="\t")
    items: Truth = {
        "items.id": "column0",
        "items.title": "column3",
        "items.description": "column4",
        "items.categories": ("column1", "column2"),
    }
    return {
        **items,
        "interactions.user": "column1",
        "interactions.item": ("column3", "column4"),
        "interactions.time": "column2",
    }


def lastfm_360k(folder: Path, made: Made) -> Truth:
    """Last.fm 360K, Oscar Celma, 2010: tab-separated, no header."""

    def user(n: int) -> str:
        return sha1(f"{n}".encode(), usedforsecurity=False).hexdigest()

    def artist(n: int) -> str:
        return str(UUID(hexadecimal("m", n)))

    played = {(u, i): 1 + int(900 * made.random.random() ** 3) for u, i, _ in made.events()}
    rows = [
        (user(u), artist(i) if i % 19 else "", made.title(i).lower(), plays)
        for (u, i), plays in played.items()
    ]
    write(folder / "usersha1-artmbid-artname-plays.tsv", rows, mark="\t")
    write(
        folder / "usersha1-profile.tsv",
        [(user(n), "mf"[n % 2], 20 + n, "Germany", f"Feb {1 + n % 28}, 2007") for n in made.users],
        mark="\t",
    )
    items: Truth = {"items.id": ("column1", "column2"), "items.title": "column2"}
    return {
        **items,
        "users.id": "column0",
        **_log("column0", "column1", None, "column3"),
        "interactions.item": ("column1", "column2"),
    }


def netflix(folder: Path, made: Made) -> Truth:
    """Netflix Prize, 2006: titles with commas that nothing quotes, ratings in blocks of one film.

    The truth is of the table that the draft says how to make of the blocks, with the film first.
    """
    films = "".join(
        f"{n + 1},{1960 + n},{made.title(n)}{', Part 2' if n % 9 == 8 else ''}\n" for n in made.items
    )
    (folder / "movie_titles.csv").write_bytes(films.encode("latin-1"))
    events = made.events()
    for part, films_of in ((1, made.items[:30]), (2, made.items[30:])):
        blocks = [
            f"{n + 1}:\n"
            + "".join(
                f"{1488844 + 11 * u},{made.random.randint(1, 5)},{stamp(t, '%Y-%m-%d')}\n"
                for u, i, t in events
                if i == n
            )
            for n in films_of
        ]
        (folder / f"combined_data_{part}.txt").write_text("".join(blocks))
    items: Truth = {"items.id": "column0", "items.title": "column2", "items.year": "column1"}
    return {**items, **_log("column1", "column0", "column3", "column2")}


def german(folder: Path, made: Made) -> Truth:
    """A shop's export in German: semicolons, Latin-1, decimal commas, 04.03.2025."""
    goods = [
        (
            f"{n + 1:05}",
            f"{made.title(n)}-Schüssel, grün",
            ("Küche", "Garten", "Büro")[n % 3],
            "Für drinnen und draußen: " + made.text(),
            "4,19",
            "Keramik",
            "ja",
        )
        for n in made.items
    ]
    write(
        folder / "Artikelstamm.csv",
        goods,
        "Artikel-Nr.;Artikelbezeichnung;Warengruppe;Langtext Beschreibung;Preis (EUR);Material;Lieferbar",
        ";",
        "latin-1",
    )
    sales = [
        (
            900000 + n,
            f"K{u:03}",
            stamp(t, "%d.%m.%Y %H:%M"),
            f"{i + 1:05}",
            made.random.randint(-1, 4) or 1,
            "4,19",
        )
        for n, (u, i, t) in enumerate(made.events())
    ]
    write(
        folder / "Verkäufe.csv",
        sales,
        "Belegnummer;Kunden-Nr.;Kaufdatum;Artikel-Nr.;Menge;Einzelpreis",
        ";",
        "latin-1",
    )
    items: Truth = {
        "items.id": "Artikel-Nr.",
        "items.title": "Artikelbezeichnung",
        "items.categories": "Warengruppe",
        "items.active": "Lieferbar",
    }
    return {
        **items,
        "items.description": "Langtext Beschreibung",
        **_log("Kunden-Nr.", "Artikel-Nr.", "Kaufdatum", "Menge"),
    }


def chinese(folder: Path, made: Made) -> Truth:
    """A shop's export in Chinese."""
    names = ("青花瓷碗", "竹制茶盘", "羊毛围巾", "檀木梳子", "铜制香炉")
    goods = [
        (
            f"SP{1000 + n}",
            f"{names[n % 5]}{n}号",
            ("家居", "服饰", "厨具")[n % 3],
            "手工制作的传统工艺品，适合家庭日常使用，也适合作为礼物送给亲朋好友。" + str(n),
            f"{n}.50",
        )
        for n in made.items
    ]
    write(folder / "商品.csv", goods, "商品编号,商品名称,商品类别,商品描述,价格")
    events = [
        (f"U{u:04}", f"SP{1000 + i}", made.one(("浏览", "加购", "购买")), stamp(t))
        for u, i, t in made.events()
    ]
    write(folder / "用户行为.csv", events, "用户编号,商品编号,行为类型,时间")
    items: Truth = {
        "items.id": "商品编号",
        "items.title": "商品名称",
        "items.categories": "商品类别",
        "items.description": "商品描述",
    }
    return {**items, **_log("用户编号", "商品编号", "时间", None, "行为类型")}


def japanese(folder: Path, made: Made) -> Truth:
    """A shop's export in Japanese."""
    names = ("有田焼の皿", "木製トレイ", "竹のかご", "藍染めの布", "鉄瓶")
    goods = [
        (
            f"JP{n:05}",
            f"{names[n % 5]} {n}",
            ("キッチン", "インテリア", "衣類")[n % 3],
            f"職人が一つずつ手作りした伝統工芸品です。普段使いにも贈り物にもおすすめです。{n}",
            1200 + n,
        )
        for n in made.items
    ]
    write(folder / "商品マスタ.csv", goods, "商品コード,商品名,カテゴリー,商品説明,価格")
    reviews = [
        (f"C{u:04}", f"JP{i:05}", made.random.randint(1, 5), stamp(t, "%Y/%m/%d %H:%M"))
        for u, i, t in made.events()
    ]
    write(folder / "評価.csv", reviews, "会員ID,商品コード,評価,購入日時")
    items: Truth = {
        "items.id": "商品コード",
        "items.title": "商品名",
        "items.categories": "カテゴリー",
        "items.description": "商品説明",
    }
    return {**items, **_log("会員ID", "商品コード", "購入日時", "評価")}


def book_crossing(folder: Path, made: Made) -> Truth:
    """Book-Crossing, Cai-Nicolas Ziegler, 2004: semicolons, Latin-1, 0 for no rating."""
    picture = "http://images.amazon.com/images/P/{}.01.THUMBZZZ.jpg"
    books = [
        (
            f"{195153448 + n:010}",
            made.title(n),
            f"Mark P. O. {NOUNS[n % 9]}",
            1960 + n % 40,
            "Oxford University Press",
            picture.format(n),
            picture.format(n),
            picture.format(n),
        )
        for n in made.items
    ]
    write(
        folder / "BX-Books.csv",
        books,
        "ISBN;Book-Title;Book-Author;Year-Of-Publication;Publisher;Image-URL-S;Image-URL-M;Image-URL-L",
        ";",
        "latin-1",
    )
    write(
        folder / "BX-Book-Ratings.csv",
        [
            (276725 + u, f"{195153448 + i:010}", made.one(("0", "0", "5", "7", "8", "10")))
            for u, i, _ in made.events()
        ],
        "User-ID;ISBN;Book-Rating",
        ";",
        "latin-1",
    )
    write(
        folder / "BX-Users.csv",
        [(276725 + n, "köln, nordrhein-westfalen, germany", 20 + n) for n in made.users],
        "User-ID;Location;Age",
        ";",
        "latin-1",
    )
    items: Truth = {"items.id": "ISBN", "items.title": "Book-Title", "items.year": "Year-Of-Publication"}
    return {
        **items,
        "items.image": ("Image-URL-S", "Image-URL-M", "Image-URL-L"),
        "users.id": "User-ID",
        **_log("User-ID", "ISBN", None, "Book-Rating"),
    }


def taobao(folder: Path, made: Made) -> Truth:
    """Taobao UserBehavior, Alibaba: no header, no catalogue."""
    rows = [
        (1000001 + 17 * u, 2268318 + 23 * i, 2520377 + i % 9, made.one(("pv", "pv", "fav", "cart", "buy")), t)
        for u, i, t in made.events()
    ]
    write(folder / "UserBehavior.csv", rows)
    items: Truth = {"items.id": "column1", "items.title": "column1"}
    return {**items, **_log("column0", "column1", "column4", None, "column3")}


def kkbox(folder: Path, made: Made) -> Truth:
    """KKBox, WSDM Cup 2018: whether a song was heard again, no times."""

    def song(n: int) -> str:
        return hexadecimal("s", n)[:22] + "+/x="

    def person(n: int) -> str:
        return hexadecimal("p", n)[:22] + "Zw/="

    write(
        folder / "songs.csv",
        [
            (song(n), 247640 + n, 465 + n % 3, f"{NOUNS[n % 11]} band", made.title(n % 7), "", 3.0)
            for n in made.items
        ],
        "song_id,song_length,genre_ids,artist_name,composer,lyricist,language",
    )
    write(
        folder / "song_extra_info.csv",
        [(song(n), made.title(n), f"TWUM7{n:07}") for n in made.items],
        "song_id,name,isrc",
    )
    write(
        folder / "members.csv",
        [(person(n), 1, 20 + n, "", 7, 20110820, 20170920) for n in made.users],
        "msno,city,bd,gender,registered_via,registration_init_time,expiration_date",
    )
    write(
        folder / "train.csv",
        [
            (person(u), song(i), "explore", "Explore", "online-playlist", made.random.randint(0, 1))
            for u, i, _ in made.events()
        ],
        "msno,song_id,source_system_tab,source_screen_name,source_type,target",
    )
    return {
        "items.id": "song_id",
        "items.title": "name",
        "interactions.user": "msno",
        "interactions.item": "song_id",
        "interactions.value": ("target",),
        "users.id": "msno",
    }


SETS: dict[str, Callable[[Path, Made], Truth]] = {
    "MovieLens 25M": movielens_25m,
    "goodbooks-10k": goodbooks,
    "H&M": h_and_m,
    "RetailRocket": retailrocket,
    "Instacart": instacart,
    "Steam 200k": steam_200k,
    "Olist": olist,
    "Amazon Reviews 2023": amazon_2023,
    "Yelp": yelp,
    "MIND": mind,
    "Last.fm 360K": lastfm_360k,
    "Netflix Prize": netflix,
    "German export": german,
    "Chinese export": chinese,
    "Japanese export": japanese,
    "Book-Crossing": book_crossing,
    "Taobao UserBehavior": taobao,
    "KKBox": kkbox,
}
