"""The quality benchmark: a tiny log all the way through a peer's process, and what is made of its answers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from benchmarks import quality
from benchmarks.quality import main
from benchmarks.quality_choices import PEERS, PYTHON
from benchmarks.quality_data import Bench, DataError, read_bench, settings_for
from benchmarks.quality_home import ours_of_home
from benchmarks.quality_peers import (
    Answer,
    Bout,
    Budget,
    check_rows,
    judged_ids,
    together,
    without_seen_only,
)
from benchmarks.quality_process import PeerFailed, PeerTooSlow, Process, write_part
from tasks.arrays.vectors import unit
from tasks.embedding import steps
from tasks.metrics.folds import folds_of
from tasks.models.encoder import DIMENSIONS
from tasks.settings import Settings
from tasks.studies.window import Window
from tests.homes import MATCHERS, Home
from warehouse.columns import VALIDATION
from warehouse.connection import writing

N_ITEMS, N_USERS, EVENTS, TIED = 14, 12, 10, 8
POPULARITY = PEERS[0]
CONFIG = """
seed = 3
home = "state"

[matching]
matchers = ["cosine_max", "ease", "popularity"]
candidates = 10

[fusion]
trials = 5

[evaluation]
k = 5
resamples = 100
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings, and the files of a small set of films; early events share their time with another."""
    folder = tmp_path_factory.mktemp("quality")
    (folder / "polyrec.toml").write_text(CONFIG, encoding="utf-8")
    ids = [str(100 + n) for n in range(N_ITEMS)]
    genres = ["Drama|War" if n % 2 else "Comedy" for n in range(N_ITEMS)]
    titles = [f"Film {n} ({1990 + n})" for n in range(N_ITEMS)]
    pl.DataFrame({"movieId": ids, "title": titles, "genres": genres}).write_csv(folder / "movies.csv")
    overviews = pl.DataFrame({"movieId": ids, "overview": ["What happens."] * N_ITEMS})
    overviews.write_csv(folder / "overviews.csv.gz", compression="gzip")
    rng = np.random.default_rng(1)
    rows = [
        (
            str(user),
            ids[int(item)],
            4.0,
            1_000_000 * (user + 1) + 1_000 * (place // 2 if place < TIED else place),
        )
        for user in range(N_USERS)
        for place, item in enumerate(rng.permutation(N_ITEMS)[:EVENTS])
    ]
    ratings = pl.DataFrame(rows, schema=["userId", "movieId", "rating", "timestamp"], orient="row")
    ratings.write_csv(folder / "ratings.csv")
    return folder


@pytest.fixture(scope="module")
def settings(folder: Path) -> Settings:
    return settings_for("ml-latest-small", "temporal_user", folder / "polyrec.toml", folder, None)


class ByLetters:
    """Vectors of texts without a model, which takes longer to load than all else here."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = [np.bincount(np.frombuffer(text.encode(), np.uint8), minlength=DIMENSIONS) for text in texts]
        return unit(np.array(rows, dtype=np.float32))


@pytest.fixture(scope="module")
def bench(settings: Settings) -> Bench:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(steps, "load_encoder", ByLetters)
        return read_bench(settings, is_own=True)


def answer(rows: list[tuple[str, str, int, float]]) -> Answer:
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "rank", "score"], orient="row")
    return Answer(frame, 1.0, 2.0)


def unseen(bench: Bench, row: int) -> tuple[str, list[str]]:
    """A judged user and the items that may be recommended there."""
    window = bench.validation
    seen = window.fit.data.seen[[int(window.users[row])]].toarray()[0] > 0
    items = [item for item, has in zip(window.fit.item_ids, seen, strict=True) if not has]
    return judged_ids(window)[row], items


def test_what_users_had_without_interest_is_taken_out_of_peers_lists(bench: Bench) -> None:
    window = bench.validation
    user, items = unseen(bench, 0)
    rows = answer([(user, items[0], 1, 0.9), (user, items[1], 2, 0.8)]).rows
    assert without_seen_only(rows, window).equals(rows)
    codes = window.fit.user_ids.index(user), window.fit.item_ids.index(items[0])
    shape = (len(window.fit.user_ids), len(window.fit.item_ids))
    seen_only = csr_matrix(([1.0], ([codes[0]], [codes[1]])), shape=shape)
    data = replace(window.fit.data, seen_only=seen_only)
    told = Window(replace(window.fit, data=data), window.truth, [user], window.settings)
    assert without_seen_only(rows, told).rows() == [(user, items[1], 1, 0.8)]


def test_whole_path(folder: Path, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "figures.json"
    asked = ["--dataset", "ml-latest-small", "--files", str(folder), "--config", str(folder / "polyrec.toml")]
    asked += ["--peers", "popularity_popularity", "--trials", "3", "--json", str(file)]
    assert main(asked) == 0
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert values["dataset"] == "ml-latest-small" and values["protocol"] == "temporal_user"
    assert values["split_hash"] == bench.split_hash and values["k"] == 5 and values["seed"] == 3
    rows = {(row["system"], row["model"], row["part"]): row for row in values["results"]}
    models = [("polyrec", name) for name in ("fusion", "fusion_diverse", "cosine_max", "ease", "popularity")]
    models += [("peers", "fusion"), ("popularity", "popularity")]
    assert list(rows) == [(*model, part) for part in ("test", "validation") for model in models]
    for row in rows.values():
        assert row["ndcg_ci"][0] <= row["ndcg_at_5"] <= row["ndcg_ci"][1]
        for name in ("recall", "precision", "coverage", "effective_catalogue", "ild"):
            assert 0 <= row[f"{name}_at_5"] <= 1
        assert row["novelty_at_5"] > 0 and row["fit_s"] >= 0 and row["score_s"] >= 0
    # One peer alone is its own fusion, but for the re-ranking.
    assert values["settings"]["peers fusion"]["all"]["weights"] == {"popularity_popularity": 1.0}
    assert {(pair["a"], pair["b"]) for pair in values["comparisons"]} == {
        ("polyrec fusion", "popularity popularity"),
        ("polyrec fusion", "peers fusion"),
        (values["best_matcher"], "popularity popularity"),
        ("polyrec fusion", values["best_matcher"]),
        ("polyrec fusion_diverse", values["best_matcher"]),
    }
    first = values["comparisons"][0]
    assert first["part"] == "test" and first["metric"] == "ndcg_at_5"
    assert first["low"] <= first["difference"] <= first["high"]
    test = (
        rows["polyrec", "fusion", "test"]["ndcg_at_5"],
        rows["popularity", "popularity", "test"]["ndcg_at_5"],
    )
    assert first["difference"] == pytest.approx(test[0] - test[1])
    assert values["ratio_to_best_peer"]["test"] == pytest.approx(test[0] / test[1])
    beside = rows["polyrec", values["best_matcher"].split()[1], "test"]
    for model, measures in values["to_best_matcher"].items():
        for name, of_part in measures.items():
            own = rows["polyrec", model, "test"][f"{name}_at_5"]
            assert of_part["test"] == pytest.approx(own / beside[f"{name}_at_5"])
    assert values["test_looks"] == 1
    printed = capsys.readouterr().out
    assert "effective catalogue" in printed and "No texts in this home" in printed

    # Again: the search is found in the cache, the figures are the same, the second look is counted.
    assert main([*asked, "--validation-only"]) == 0
    again = json.loads(file.read_text(encoding="utf-8"))
    seconds = ("popularity_popularity", "seconds")
    assert again["settings"][seconds[0]][seconds[1]] == values["settings"][seconds[0]][seconds[1]]
    assert {row["part"] for row in again["results"]} == {"validation"} and again["test_looks"] is None
    for row in again["results"]:
        assert row["ndcg_at_5"] == rows[row["system"], row["model"], "validation"]["ndcg_at_5"]


def test_peer_sees_the_window_and_nothing_later(bench: Bench, tmp_path: Path) -> None:
    write_part(tmp_path, bench.validation, seed=3)
    events = pl.read_parquet(tmp_path / "events.parquet")
    data = bench.validation.fit.data
    assert events.height == len(data.user)
    held = bench.validation.truth.relevant.nnz
    assert held > 0 and events.height + held < N_USERS * EVENTS
    by_user = events.group_by("user_id", maintain_order=True).agg(
        pl.col("event_time").diff().drop_nulls().min()
    )
    assert by_user["event_time"].min() == 0  # in time order, with ties
    assert set(pl.read_parquet(tmp_path / "users.parquet").filter("listed")["user_id"]) == set(
        judged_ids(bench.validation)
    )


def test_popularity_counts_users_and_hides_what_is_seen(bench: Bench, tmp_path: Path) -> None:
    windows = {VALIDATION: bench.validation}
    write_part(tmp_path / VALIDATION, bench.validation, seed=3)
    with Process(POPULARITY, tmp_path / "log") as process:
        bout = Bout(process, tmp_path, windows, seed=3)
        rows = bout.ask(VALIDATION, {"days": None}, 60).rows
        counts = np.asarray(bench.validation.fit.data.seen.sum(axis=0)).ravel()
        for row in range(len(bench.validation.users)):
            user, items = unseen(bench, row)
            expected = sorted(
                items, key=lambda item: (-counts[bench.validation.fit.item_ids.index(item)], item)
            )
            assert rows.filter(user_id=user).sort("rank")["item_id"].to_list() == expected

        # Of two settings the better one is chosen, each half's lists by the other half.
        tuned = bout.tune(Budget(trials=4, minutes=1.0), tmp_path / "cache.json", lambda _name, _value: None)
        assert tuned.trials == 4 and tuned.failed == 0 and set(tuned.chosen) == {"fold_a", "fold_b", "all"}
        half = folds_of(judged_ids(bench.validation), 3)
        found = bout.answer(VALIDATION, tuned).rows
        for code, other in ((0, "fold_b"), (1, "fold_a")):
            users = [user for user, at in zip(judged_ids(bench.validation), half, strict=True) if at == code]
            alone = bout.ask(VALIDATION, tuned.chosen[other], 60).rows
            mine = pl.col("user_id").is_in(users)
            assert found.filter(mine).equals(alone.filter(mine))

        with pytest.raises(PeerFailed, match="KeyError: 'days'"):
            bout.ask(VALIDATION, {}, 60)
        with pytest.raises(PeerTooSlow, match="no answer in 0 s"):
            bout.ask(VALIDATION, {"days": 9_999}, 0.0)
        assert bout.ask(VALIDATION, {"days": 9_999}, 60).rows.equals(rows)  # it was started again


@pytest.mark.parametrize("fault", ["seen", "infinite"])
def test_lists_that_cheat_are_refused(bench: Bench, fault: str) -> None:
    user, items = unseen(bench, 0)
    if fault == "seen":
        bad = next(item for item in bench.validation.fit.item_ids if item not in items)
        with pytest.raises(PeerFailed, match=f"{bad}.*which user '{user}' has"):
            check_rows(
                answer([(user, items[0], 1, 2.0), (user, bad, 2, 1.0)]).rows, bench.validation, "a peer"
            )
    else:
        with pytest.raises(PeerFailed, match="not finite"):
            check_rows(answer([(user, items[0], 1, float("nan"))]).rows, bench.validation, "a peer")


def test_item_that_a_peer_did_not_return_counts_as_its_lowest(bench: Bench) -> None:
    user, items = unseen(bench, 0)
    other, of_other = unseen(bench, 1)
    first = answer([(user, items[0], 1, 9.0), (user, items[1], 2, 4.0)])
    second = answer([(user, items[2], 1, 0.5), (other, of_other[0], 1, -7.0)])
    scored = together({"first": first, "second": second}, bench.validation).candidates
    ids = bench.validation.fit.item_ids
    found = {
        (bench.validation.fit.user_ids[int(code)], ids[item]): tuple(map(float, scores))
        for code, row, values in zip(scored.users, scored.items, scored.scores, strict=True)
        for item, scores in zip(row, values, strict=True)
        if item >= 0
    }
    assert found == {
        (user, items[0]): (9.0, 0.5),
        (user, items[1]): (4.0, 0.5),
        (user, items[2]): (4.0, 0.5),
        (other, of_other[0]): (0.0, -7.0),
    }


def test_other_protocol_in_a_given_home_splits_a_copy(settings: Settings, bench: Bench) -> None:
    other = settings.model_copy(
        update={"data": settings.data.model_copy(update={"protocol": "stratified_item"})}
    )
    found = read_bench(other, is_own=False)
    assert found.split_hash != bench.split_hash
    with writing(settings.data_folder, "a test") as warehouse:
        assert set(warehouse.query("split_parts")["protocol"]) == {"temporal_user"}


def test_absent_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--dataset", "online-retail", "--files", str(tmp_path), "--peers", POPULARITY.name]
    assert main(asked) == 1
    assert "transactions.parquet" in (said := capsys.readouterr().err) and "--files" in said


def test_absent_peers_are_named_with_the_target_that_makes_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(quality, "PYTHON", tmp_path / ".venv-peers" / "bin" / "python")
    with pytest.raises(SystemExit) as leaving:
        main([])
    assert leaving.value.code == 2 and "make peers" in capsys.readouterr().err


@pytest.mark.thorough
@pytest.mark.parametrize("peer", PEERS[1:], ids=lambda peer: peer.name)
def test_packaged_peers(peer: Any, bench: Bench, tmp_path: Path) -> None:
    if not PYTHON.exists():
        pytest.skip("there is no .venv-peers; run: make peers")
    write_part(tmp_path / VALIDATION, bench.validation, seed=3)
    with Process(peer, tmp_path / "log") as process:
        bout = Bout(process, tmp_path, {VALIDATION: bench.validation}, seed=3)
        small = {"factors": 4, "embedding_size": 4, "n_factors": 8, "epochs": 2, "iterations": 3}
        parameters = {name: small.get(name, value) for name, value in process.known["defaults"].items()}
        rows = bout.ask(VALIDATION, parameters, 250).rows
        assert set(rows["user_id"]) == set(judged_ids(bench.validation))
        again = Bout(process, tmp_path, {VALIDATION: bench.validation}, seed=3)
        assert again.ask(VALIDATION, parameters, 250).rows.equals(rows)  # seeded
        assert process.package.split()[0] == peer.system


def test_home_of_a_run_is_judged_as_its_report_says(finished: Home) -> None:
    bench = read_bench(finished.settings, is_own=False)
    ours = ours_of_home(bench, final=True)
    models = {"fusion": ours.fusion, "fusion_diverse": ours.diverse, **ours.matchers}
    reported = {
        (row["model"], row["part"]): row["value"]
        for row in finished.query("metrics").filter(metric="ndcg_at_10").to_dicts()
    }
    judged = {
        (name, part): one.evaluation.metrics["ndcg_at_10"]
        for name, parts in models.items()
        for part, one in parts.items()
    }
    assert judged == pytest.approx(reported)
    assert ours.seconds["fusion"] > 0 and set(ours.settings) == {*MATCHERS, "fusion"}

    resplit = finished.settings.data.model_copy(update={"protocol": "leave_one_out"})
    other = finished.settings.model_copy(update={"data": resplit})
    with pytest.raises(DataError, match="splits its events otherwise.*polyrec run"):
        ours_of_home(read_bench(other, is_own=False), final=False)


def test_home_of_tables_of_ones_own_is_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--dataset", "files", "--peers", POPULARITY.name]
    assert main([*asked, "--config", str(folder / "polyrec.toml")]) == 1
    assert "source = 'movielens-100k'" in capsys.readouterr().err
    own = folder / "own" / "polyrec.toml"
    own.parent.mkdir(exist_ok=True)
    own.write_text('home = "state"\n[data]\nsource = "files"\n', encoding="utf-8")
    assert main([*asked, "--config", str(own)]) == 1
    assert "nothing has run" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*asked, "--files", str(folder)])
    assert "leave them out" in capsys.readouterr().err
