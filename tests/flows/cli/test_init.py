"""`polyrec init`: what it writes is a configuration that loads and says what lies in the files."""

from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from flows.cli.app import app
from tasks.settings import PROJECT, Settings, load_settings

SHARED = PROJECT.parent / "shared" / "data"


def init(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["init", *map(str, arguments)], env={"COLUMNS": "160"})


def written(folder: Path, *arguments: object) -> Settings:
    answer = init(folder, *arguments)
    assert answer.exit_code == 0, answer.exception
    return load_settings(folder / "polyrec.toml")


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


FILMS = 'movieId,"odd ""one""","title",genres\n1,x,Toy Story (1995),Comedy|Drama\n2,y,Heat (1995),Drama\n'
RATINGS = "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,2,3.0,964981247\n"
TAGS = "userId,movieId,tag,timestamp\n1,1,funny,964982703\n"


def test_folder_is_sorted_out(tmp_path: Path) -> None:
    for name, text in {"movies.csv": FILMS, "ratings.csv": RATINGS, "tags.csv": TAGS}.items():
        write(tmp_path, name, text)
    write(tmp_path, "plots.csv", "movieId,overview\n1,Toys live\n2,A heist\n")
    settings = written(tmp_path)
    data = settings.data
    assert settings.home == tmp_path.resolve() / "state"
    assert (settings.corpus.angle_set, settings.corpus.noun) == ("films", "film")
    assert data.items.files == ("movies.csv",)
    assert (data.items.id, data.items.title, data.items.categories) == ("movieId", "title", "genres")
    assert data.items.year_in_title
    (also,) = data.items.also
    assert (also.files, also.id, also.description) == (("plots.csv",), "movieId", "overview")
    log = data.interactions
    assert (log.files, log.user, log.item, log.value, log.time) == (
        ("ratings.csv",), "userId", "movieId", "rating", "timestamp",
    )  # fmt: skip
    assert log.value_is == "rating"
    again = init(tmp_path, "--force").output
    assert "tags.csv" in again
    assert again.index("polyrec check --config") < again.index("polyrec run --config")


@pytest.mark.parametrize("name", ['my "best" films.csv', "Bücher über Öl [1].csv", "it's\\n.csv"])
def test_any_name_gives_valid_toml(tmp_path: Path, name: str) -> None:
    items = write(tmp_path / "dä ta", name, 'Product ID,"Näme ""x""",title\np1,b,Lamp\np2,c,Cup\n')
    log = write(tmp_path / "dä ta", "log.csv", 'user,product_id,event\n1,p1,"say ""hi"""\n1,p2,view\n')
    folder = tmp_path / "mine"
    settings = written(folder, "--items", items, "--interactions", log)
    (file,) = settings.data.items.files
    assert (folder / file).resolve() == items.resolve()
    assert not Path(file).is_absolute()
    assert settings.data.items.id == "Product ID"
    assert settings.data.interactions.event_weights == {'say "hi"': 1, "view": 1}


def test_one_log_is_the_catalogue_too(tmp_path: Path) -> None:
    log = tmp_path / "sales.parquet"
    pl.DataFrame(
        {
            "StockCode": ["a", "a", "b"],
            "Description": ["CUP", "CUP", "LAMP"],
            "Quantity": [6.0, -6.0, 2.0],
            "InvoiceDate": ["2011-01-01 10:00:00"] * 3,
            "CustomerID": [17850.0, 17850.0, 3.0],
        }
    ).write_parquet(log)
    data = written(tmp_path / "shop", "--interactions", log).data
    assert (data.items.id, data.items.title, data.items.description) == ("StockCode", "Description", None)
    assert data.items.duplicates == "most_common"
    assert data.items.files == data.interactions.files == ("../sales.parquet",)
    log_ = data.interactions
    assert (log_.user, log_.value, log_.value_is, log_.min_value) == ("CustomerID", "Quantity", "amount", 1)


def test_refuses_to_overwrite(tmp_path: Path) -> None:
    file = write(tmp_path, "polyrec.toml", "seed = 1\n")
    answer = init(tmp_path)
    assert "--force" in str(answer.exception)
    assert file.read_text() == "seed = 1\n"


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({}, "--interactions"),
        ({"m.csv": FILMS}, "--interactions"),
        ({"empty.csv": ""}, "empty.csv"),
        ({"table.xlsx": "x"}, "save each sheet as CSV"),
    ],
)
def test_writes_a_draft_and_says_what_is_missing(tmp_path: Path, files: dict[str, str], word: str) -> None:
    for name, text in files.items():
        write(tmp_path, name, text)
    answer = init(tmp_path)
    assert answer.exit_code == 0
    assert word in answer.output and "missing: an event log" in answer.output
    settings = load_settings(tmp_path / "polyrec.toml")
    assert settings.data.items.given == ("m.csv" in files) and not settings.data.interactions.given


def test_a_log_alone_is_its_own_catalogue(tmp_path: Path) -> None:
    write(tmp_path, "ratings.csv", RATINGS)
    data = written(tmp_path).data
    assert (data.items.files, data.items.id, data.items.title) == (("ratings.csv",), "movieId", "movieId")


ODD = "sku,label,long name\n" + "".join(f"p{n},Lamp {n},The {n} shining lamp\n" for n in range(30))
BUYS = "who,sku\n" + "".join(f"a{n % 7},p{n % 30}\n" for n in range(90))


def odd(folder: Path) -> Path:
    write(folder, "goods.csv", ODD)
    write(folder, "log.csv", BUYS)
    return folder


def test_what_is_not_sure_is_written_and_asked(tmp_path: Path) -> None:
    answer = init(odd(tmp_path))
    assert "Not sure" in answer.output and "items.title: label" in answer.output
    assert "--force --set" in answer.output
    text = (tmp_path / "polyrec.toml").read_text()
    assert "long name" in text and load_settings(tmp_path / "polyrec.toml").data.items.title == "label"


def test_an_answer_is_taken_and_a_wrong_one_refused(tmp_path: Path) -> None:
    data = written(odd(tmp_path), "--set", "items.title=long name", "--set", "interactions.user=who").data
    assert (data.items.title, data.interactions.user) == ("long name", "who")
    refused = str(init(tmp_path, "--force", "--set", "items.title=nme").exception)
    assert "items.title=nme is no column of goods.csv; write one of: sku, label, long name" in refused
    assert "items.title" in str(init(tmp_path, "--force", "--set", "items.tile=label").exception)
    assert "name a column" in str(init(tmp_path, "--force", "--set", "items.id=").exception)
    assert "not both" in str(
        init(tmp_path, "--force", "--set", "movielens-100k", "--set", "items.id=sku").exception
    )


def test_a_terminal_asks_with_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.cli.init.at_terminal", lambda: True)
    file = str(odd(tmp_path))
    asked = CliRunner().invoke(app, ["init", file], input="nonsense\nlong name\n\n\n", env={"COLUMNS": "160"})
    assert asked.exit_code == 0, asked.exception
    assert "Lamp 2" in asked.output and "nonsense is no column" in asked.output
    assert load_settings(tmp_path / "polyrec.toml").data.items.title == "long name"


def test_folders_of_parts_and_keys(tmp_path: Path) -> None:
    write(tmp_path / "in" / "catalogue", "goods.csv", ODD)
    for day in range(1, 9):
        write(tmp_path / "in" / "log" / f"day=2025-03-0{day}", "part-0.csv", BUYS)
    data = written(tmp_path).data
    assert data.items.files == ("in/catalogue/goods.csv",)
    assert data.interactions.files == ("in/log/day=*/part-*.csv",)
    assert data.interactions.time == "day"


@pytest.mark.parametrize(
    ("values", "least"),
    [(("-1", "1"), 1), (("0", "1"), 1), (("-1", "0", "0.5"), 0.5), (("1", "2", "5"), None)],
)
def test_values_of_dislike_propose_a_least_one(
    tmp_path: Path, values: tuple[str, ...], least: float | None
) -> None:
    write(tmp_path, "goods.csv", ODD)
    rows = "".join(f"a{n % 7},p{n % 30},{values[n % len(values)]}\n" for n in range(90))
    write(tmp_path, "log.csv", "user,sku,rating\n" + rows)
    assert written(tmp_path).data.interactions.min_value == least
    assert ("# min_value = 5" in (tmp_path / "polyrec.toml").read_text()) == (least is None)


def test_a_dislike_weighs_nothing(tmp_path: Path) -> None:
    write(tmp_path, "goods.csv", ODD)
    rows = "".join(f"a{n % 7},p{n % 30},{('like', 'dislike', 'view')[n % 3]}\n" for n in range(90))
    write(tmp_path, "log.csv", "user,sku,action\n" + rows)
    assert written(tmp_path).data.interactions.event_weights == {"dislike": 0, "like": 3, "view": 1}


@pytest.mark.skipif(not SHARED.exists(), reason="real data sets are not here")
def test_real_films_and_shop(tmp_path: Path) -> None:
    films = SHARED / "ml-latest-small"
    data = written(
        tmp_path / "films",
        *("--items", films / "movies.csv", "--items", films / "overviews.csv.gz"),
        *("--interactions", films / "ratings.csv"),
    ).data
    assert data.items.also[0].description == "overview"
    assert data.items.year_in_title
    settings = written(tmp_path / "shop", "--interactions", SHARED / "online-retail" / "transactions.parquet")
    assert (settings.corpus.angle_set, settings.corpus.noun) == ("products", "product")
    assert settings.data.interactions.time == "InvoiceDate"


@pytest.mark.parametrize(("name", "noun"), [("movielens-100k", "film"), ("amazon-reviews-2023", "product")])
def test_built_in_set(tmp_path: Path, name: str, noun: str) -> None:
    settings = written(tmp_path, "--set", name)
    assert (settings.data.source, settings.corpus.noun) == (name, noun)
    assert settings.home == tmp_path.resolve() / "state"
    assert settings.data.category == "All_Beauty"
    told = init(tmp_path, "--set", name, "--force").output
    assert ("polyrec data get" in told) == (name != "movielens-100k")


def test_set_that_there_is_not_and_set_beside_files(tmp_path: Path) -> None:
    log = write(tmp_path, "ratings.csv", RATINGS)
    unknown = init(tmp_path / "new", "--set", "movielens")
    assert "take one of movielens-100k" in str(unknown.exception) and not (tmp_path / "new").exists()
    assert "not both" in str(init(tmp_path, "--set", "movielens-100k", "--interactions", log).exception)
