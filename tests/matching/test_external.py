from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.matching import registry
from tasks.matching.contract import TrainingData, UserBatch
from tasks.matching.external import External, content_hash
from tasks.matching.steps import FitWork
from tasks.run.stage import StageRun
from tasks.settings import Settings, load_settings
from tasks.settings.matchers import ExternalSettings
from tasks.settings.matching import Matching
from tests.empty import with_warehouse
from tests.matching.toys import training_data
from warehouse.connection import writing
from warehouse.errors import PolyrecError, SettingsError

DATA = training_data([(0, 0, 1), (1, 1, 1)], n_users=3, n_items=4)
GOOD: dict[str, list[Any]] = {
    "user_id": ["u1", "u0", "u1"],
    "item_id": ["i2", "i3", "i0"],
    "score": [5.0, -2.0, 3.0],
}


def external(folder: Path) -> External:
    return External(ExternalSettings(name="mine", files=str(folder / "{fit}.parquet")), "mine")


def fitted(folder: Path, frame: pl.DataFrame, data: TrainingData = DATA) -> External:
    frame.write_parquet(folder / "train.parquet")
    matcher = external(folder)
    matcher.fit(data)
    return matcher


def test_absent_items_are_below_all_that_are_there(tmp_path: Path) -> None:
    scores = fitted(tmp_path, pl.DataFrame(GOOD)).score(UserBatch(np.array([1, 0, 2])))
    np.testing.assert_allclose(
        scores, [[3.0, 2.8, 5.0, 2.8], [-2.2, -2.2, -2.2, -2.0], [0, 0, 0, 0]], rtol=1e-6
    )


@pytest.mark.parametrize("value", [0.0, 1e30, -1e30, 1e-30, 16_777_216.0])
def test_absent_items_are_below_also_where_all_scores_are_one(tmp_path: Path, value: float) -> None:
    matcher = fitted(tmp_path, pl.DataFrame({"user_id": ["u0"], "item_id": ["i1"], "score": [value]}))
    scores = matcher.score(UserBatch(np.array([0])))[0]
    assert np.isfinite(scores).all()
    assert scores.argmax() == 1
    assert scores[0] < scores[1]


def test_ids_may_be_integers(tmp_path: Path) -> None:
    assert DATA.names is not None
    names = replace(DATA.names, user_ids=["10", "11", "12"], item_ids=["1", "2", "3", "4"])
    frame = pl.DataFrame({"item_id": [2], "score": [1], "user_id": [11]})
    assert fitted(tmp_path, frame, replace(DATA, names=names)).score(UserBatch(np.array([1])))[0, 1] == 1


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        (
            "score",
            [5.0, float("nan"), 3.0],
            r"row 2: the score of user 'u0' and item 'i3' is nan; scores must be",
        ),
        ("score", [5.0, 1.0, float("-inf")], "row 3: the score .* is -inf"),
        ("score", [1e300, 1.0, 1.0], "row 1: the score .* is inf"),
        ("score", [None, 1.0, 1.0], "row 1: the score .* is None"),
        ("score", ["a", "b", "c"], "score is of type String; make it a number"),
        ("user_id", ["u1", "u0", "u9"], "row 3: there is no user 'u9'; leave out rows of users"),
        ("user_id", ["u1", None, "u1"], "row 2: there is no user None"),
        ("item_id", ["i7", "i3", "i0"], "row 1: there is no item 'i7'"),
        ("item_id", ["i2", "i3", "i2"], "row 3: user 'u1' and item 'i2' have a score already; keep one row"),
        ("item_id", [0.5, 1.0, 2.0], "item_id is of type Float64; make it text or integers"),
    ],
)
def test_bad_rows_are_named_with_their_file(
    tmp_path: Path, column: str, values: list[Any], said: str
) -> None:
    with pytest.raises(PolyrecError, match=rf"train\.parquet.*{said}"):
        fitted(tmp_path, pl.DataFrame({**GOOD, column: values}))


def test_a_missing_column_or_file_and_what_is_no_parquet_are_named(tmp_path: Path) -> None:
    with pytest.raises(PolyrecError, match=r"train\.parquet has no column 'score', only user_id, item_id"):
        fitted(tmp_path, pl.DataFrame(GOOD).drop("score"))
    matcher = external(tmp_path)
    with pytest.raises(
        PolyrecError, match=r"no file .*all\.parquet with scores of the fit 'all'; write one for"
    ):
        matcher.fit(replace(DATA, fit="all"))
    (tmp_path / "train.parquet").write_text("user_id,item_id,score\n")
    with pytest.raises(PolyrecError, match=r"cannot read .*train\.parquet: .*; write it as Parquet"):
        matcher.fit(DATA)
    with pytest.raises(PolyrecError, match="needs the ids of users and items") as error:
        matcher.fit(replace(DATA, names=None))
    assert "\n" not in str(error.value)


def test_a_file_with_other_bytes_is_new_work(tmp_path: Path) -> None:
    files = str(tmp_path / "{fit}.parquet")
    for score, fit in ((1.0, "train"), (1.0, "all"), (2.0, "train_validation")):
        pl.DataFrame({**GOOD, "score": [score] * 3}).write_parquet(tmp_path / f"{fit}.parquet")
    assert (
        content_hash(files, "train") == content_hash(files, "all") != content_hash(files, "train_validation")
    )
    with pytest.raises(PolyrecError, match="no file"):
        content_hash(files, "test")


def test_settings_name_it_and_its_files_lie_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = '[matching]\nmatchers = ["popularity", "mine"]\n'
    path.write_text(text + '[[matching.external]]\nname = "mine"\nfiles = "scores/{fit}.parquet"\n')
    settings = load_settings(path)
    assert [one.name for one in settings.matching.chosen_external] == ["mine"]
    matcher = registry.build("mine", settings.matching)
    assert matcher.parameters() == {"name": "mine", "files": str(tmp_path / "scores/{fit}.parquet")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "mine"\nfiles = "scores.parquet"', r"has no \{fit\}; scores of one file would know"),
        ('name = "My model"\nfiles = "{fit}"', "should match pattern"),
        ('name = "a"\nfiles = "{fit}"\n[[matching.external]]\nname = "a"\nfiles = "{fit}"', "are called 'a'"),
    ],
)
def test_bad_settings_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"[[matching.external]]\n{text}\n")
    with pytest.raises(SettingsError, match=said):
        load_settings(path)


def test_a_name_that_is_taken_is_refused() -> None:
    settings = Matching.model_validate({"external": [{"name": "ease", "files": "{fit}.parquet"}]})
    with pytest.raises(PolyrecError, match="a built-in matcher is called 'ease'; give that of"):
        registry.build("popularity", settings)


def test_matching_is_done_again_when_a_file_changes(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        base=tmp_path,
        matching=Matching.model_validate(
            {"matchers": ["mine"], "external": [{"name": "mine", "files": "{fit}.parquet"}]}
        ),
    )
    digests = []
    with writing(with_warehouse(settings.data_folder), "a test") as warehouse:
        run = StageRun("matching", settings, warehouse, None)
        for score in (1.0, 1.0, 2.0):
            pl.DataFrame({**GOOD, "score": [score] * 3}).write_parquet(tmp_path / "train.parquet")
            digests.append(FitWork(run, "train").digest)
        assert FitWork(run, "train").window.data.fit == "train"
        with pytest.raises(PolyrecError, match=r"no file .*train_validation\.parquet"):
            FitWork(run, "train_validation")
    assert digests[0] == digests[1] != digests[2]
