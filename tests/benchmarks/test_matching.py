"""The matching benchmark: what it makes of figures and vectors, and a tiny catalogue for real."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import matching
from benchmarks.matching import exponent, grouped, main, ratio
from benchmarks.matching_data import Catalogue
from tasks.arrays.vectors import unit

SMALL = ["--users", "12", "--items", "300", "--rounds", "1"]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """What stands for vectors of films: 60 films, 4 texts, 24 dimensions."""
    rng = np.random.default_rng(0)
    films = rng.normal(size=(60, 1, 24)) * 0.8 ** np.arange(24)
    texts = films + 0.2 * rng.normal(size=(60, 4, 24))
    np.save(tmp_path / "films.npy", unit(texts.astype(np.float32)))
    return tmp_path / "films.npy"


def test_texts_become_the_items_they_are_of() -> None:
    texts = np.array([[5, 4, 0, 9, 1, 2], [7, 6, 7, 7, 6, 7]])
    assert grouped(texts, 2, 3).tolist() == [[2, 0, 4], [3, -1, -1]]


def test_a_ratio_counts_preparation_and_all_users() -> None:
    compared = {
        "prepared": {"ours": 10.0, "faiss": 5.0},
        "seconds": {"ours": [1.0, 2.0, 9.0], "faiss": [4.0, 5.0, 3.0]},
    }
    assert ratio(compared, n_users=1000) == pytest.approx((5 + 4 * 20) / (10 + 2 * 20))


def test_an_exponent_is_a_slope() -> None:
    assert exponent([(10, 1.0), (20, 4.0), (40, 16.0)]) == pytest.approx(2)


@pytest.mark.parametrize("kind", ["sentences", "isotropic"])
def test_vectors_are_repeatable_and_of_unit_length(kind: str, films: Path) -> None:
    made = [Catalogue(kind, np.load(films), 3) for _ in range(2)]  # type: ignore[arg-type]
    texts, users = made[0].texts(50, 4), made[0].users(20)
    assert texts.shape == (50, 4, 24) and users.shape == (20, 24)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(users, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(texts, made[1].texts(50, 4))
    np.testing.assert_array_equal(users, made[1].users(20))


def test_a_tiny_catalogue(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for what in ("sentences", "isotropic", "users", "items", "slots", "memory"):
        assert main([*SMALL, "--measure", what, str(films), str(tmp_path / what)]) == 0
    values = {what: json.loads((tmp_path / what).read_text(encoding="utf-8")) for what in matching.KINDS}
    measured = {
        **values,
        "peak_rss_mb": 500.4,
        "peak_rss_doubled_users_mb": 501.0,
        "growth": {
            what: json.loads((tmp_path / what).read_text(encoding="utf-8"))
            for what in ("users", "items", "slots")
        },
    }
    assert [size for size, _ in measured["growth"]["users"]] == [3, 6, 12]
    shown = matching.summary(measured, {"users": 12, "items": 300, "slots": 4})
    assert set(shown["ratios"]) == {
        *("vs_faiss_flat", "vs_faiss_flat_isotropic", "peak_rss_mb", "peak_rss_doubled_users_mb"),
        *("exponent_users", "exponent_items", "exponent_slots"),
    }
    assert all(value["largest_error"] <= matching.TOLERANCE for value in values.values())
    assert [table.row_count for table in matching.tables(shown)] == [7, 4, 2]


@pytest.mark.thorough
def test_every_measure_in_a_process_of_its_own(films: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert main([*SMALL, "--vectors", str(films), "--json", str(file)]) == 0
    assert json.loads(file.read_text(encoding="utf-8"))["ratios"]["peak_rss_mb"] > 10


def test_bad_sizes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--items", "99"])
    assert "at least 100" in capsys.readouterr().err
