"""Getting sets: resumed, checked, licensed, and plain words where it fails."""

from pathlib import Path

import pytest

from tasks.ingest.sets.download import download
from tasks.ingest.sets.get import Kept, Manifest, get, listing
from tests.ingest.sets.publisher import CONTENT, Publisher
from warehouse.errors import SourceError

FETCHED = ["movielens-1m", "ml-latest-small", "goodbooks-10k", "amazon-reviews-2023", "mind-small"]


def got(
    publisher: Publisher, folder: Path, name: str = "movielens-1m", licence: bool = True
) -> dict[str, Kept]:
    return get(name, "All_Beauty", folder, publisher.address, lambda one: licence)


@pytest.mark.parametrize("name", FETCHED)
def test_files_come_whole_and_are_noted(publisher: Publisher, tmp_path: Path, name: str) -> None:
    assert (
        next(row for row in listing("All_Beauty", tmp_path) if row["name"] == name)["state"] == "not fetched"
    )
    files = got(publisher, tmp_path, name)
    for file, kept in files.items():
        (path,) = tmp_path.rglob(file)
        assert path.read_bytes() == CONTENT[file]
        assert kept.bytes == len(CONTENT[file])
    assert next(row for row in listing("All_Beauty", tmp_path) if row["name"] == name)["state"] == "here"
    assert not list(tmp_path.rglob("*.part*"))
    asked = len(publisher.asked)
    assert got(publisher, tmp_path, name, licence=False) == files
    assert len(publisher.asked) == asked


def test_a_transfer_that_breaks_off_goes_on(publisher: Publisher, tmp_path: Path) -> None:
    publisher.truncate["ml-1m.zip"] = 100
    got(publisher, tmp_path)
    asked = [request for request in publisher.asked if request[0] == "ml-1m.zip"]
    assert asked == [("ml-1m.zip", None, 200), ("ml-1m.zip", "bytes=100-", 206)]


def test_a_later_run_goes_on_unless_the_file_changed(publisher: Publisher, tmp_path: Path) -> None:
    target = tmp_path / "ratings.csv"
    url = f"{publisher.address}/raw.githubusercontent.com/zygmuntz/goodbooks-10k/master/ratings.csv"
    part = download(url, target, "again")
    for change, code in ((b"", 206), (b"2,1,4\n", 200)):
        part.write_bytes(CONTENT["ratings.csv"][:10])
        publisher.content["ratings.csv"] = CONTENT["ratings.csv"] + change
        assert download(url, target, "again").read_bytes() == CONTENT["ratings.csv"] + change
        assert publisher.asked[-1] == ("ratings.csv", "bytes=10-", code)


@pytest.mark.parametrize(
    ("name", "file"), [("movielens-1m", "ml-1m.zip"), ("mind-small", "MINDsmall_dev.zip")]
)
def test_a_damaged_file_is_removed(publisher: Publisher, tmp_path: Path, name: str, file: str) -> None:
    publisher.corrupt.add(file)
    with pytest.raises(
        SourceError, match=f"{file} .* is damaged: .* should be .* was removed, run `polyrec data"
    ):
        got(publisher, tmp_path, name)
    assert not list(tmp_path.rglob(f"{file}*"))
    publisher.corrupt.clear()
    assert file in got(publisher, tmp_path, name)


def test_a_file_that_changes_later_is_found(publisher: Publisher, tmp_path: Path) -> None:
    got(publisher, tmp_path, "goodbooks-10k")
    (path,) = tmp_path.rglob("ratings.csv")
    path.write_bytes(CONTENT["ratings.csv"].replace(b"1,1,5", b"1,1,1"))
    with pytest.raises(SourceError, match="ratings.csv has changed since it was fetched"):
        got(publisher, tmp_path, "goodbooks-10k")


def test_terms_that_are_refused_fetch_nothing(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match="terms were not accepted; run `polyrec data get movielens-1m --accept"
    ):
        got(publisher, tmp_path, licence=False)
    assert publisher.asked == []
    got(publisher, tmp_path)
    manifest = Manifest.read(tmp_path / "sets" / "movielens-1m")
    assert "No commercial" in manifest.licence
    assert manifest.accepted_at


def test_offline_says_host_and_where_a_file_may_be_put(publisher: Publisher, tmp_path: Path) -> None:
    address = publisher.address
    publisher.server_close()
    target = tmp_path / "sets" / "movielens-1m" / "ml-1m.zip"
    with pytest.raises(SourceError, match=r"cannot fetch ml-1m.zip from 127.0.0.1:\d+") as error:
        get("movielens-1m", "", tmp_path, address, lambda one: True)
    assert f"put the file by hand at {target}" in str(error.value)
    target.write_bytes(CONTENT["ml-1m.zip"])
    kept = get("movielens-1m", "", tmp_path, address, lambda one: True)["ml-1m.zip"]
    assert kept.checked.startswith("nothing: put there by hand")


def test_a_file_that_is_gone_is_no_reason_to_try_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.status["ml-1m.zip"] = 404
    with pytest.raises(SourceError, match="answers 404 for http.*put the file by hand"):
        got(publisher, tmp_path)
    assert len(publisher.asked) == 1


def test_a_busy_publisher_is_asked_a_bounded_number_of_times(publisher: Publisher, tmp_path: Path) -> None:
    publisher.status["ml-1m.zip"] = 503
    with pytest.raises(SourceError, match="it answers 503"):
        got(publisher, tmp_path)
    assert len(publisher.asked) == 5


@pytest.mark.parametrize(("name", "category"), [("movielens", ""), ("amazon-reviews-2023", "Beauty")])
def test_unknown_names_say_which_there_are(tmp_path: Path, name: str, category: str) -> None:
    with pytest.raises(SourceError, match="take one of"):
        get(name, category, tmp_path, "", lambda one: True)
