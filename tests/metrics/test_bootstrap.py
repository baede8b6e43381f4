from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from tasks.metrics import bootstrap
from tasks.metrics.bootstrap import (
    Interval,
    bootstrap_mean,
    bootstrap_means,
    paired_difference,
    paired_exposure_difference,
    spread_of,
)
from tasks.metrics.exposure import coverage, effective_catalogue, exposure_matrix, gini


def values(n: int = 400, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def exposures(n_users: int = 300, n_items: int = 200, seed: int = 0, flat: bool = True) -> csr_array:
    generator = np.random.default_rng(seed)
    share = np.ones(n_items) if flat else 1 / np.arange(1, n_items + 1)
    items = np.array(
        [generator.choice(n_items, 10, replace=False, p=share / share.sum()) for _ in range(n_users)]
    )
    return exposure_matrix(items, n_items)


def bootstrap_exposure(exposure: csr_array, statistic: Any, resamples: int, seed: int = 0) -> Interval:
    return spread_of(exposure, {"": statistic}, resamples, seed)[""].interval


def test_interval_of_a_mean_is_near_the_normal_one() -> None:
    sample = values()
    interval = bootstrap_mean(np.append(sample, np.nan), resamples=4000, seed=1)
    error = 1.96 * sample.std() / np.sqrt(len(sample))
    assert interval.value == pytest.approx(sample.mean())
    assert interval.low == pytest.approx(sample.mean() - error, abs=0.015)
    assert interval.high == pytest.approx(sample.mean() + error, abs=0.015)


def test_intervals_hold_the_truth_about_95_times_in_100() -> None:
    intervals = [bootstrap_mean(values(80, seed), resamples=400, seed=seed) for seed in range(200)]
    held = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    assert 0.89 <= held <= 0.985


def test_same_seed_same_interval_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap_mean(values(), 500, 3), bootstrap_exposure(exposures(), coverage, 500, 3)
    monkeypatch.setattr(bootstrap, "BLOCK_CELLS", 4000)
    assert (bootstrap_mean(values(), 500, 3), bootstrap_exposure(exposures(), coverage, 500, 3)) == whole
    assert bootstrap_mean(values(), 500, 4) != whole[0]


def test_nothing_defined_has_no_interval() -> None:
    assert np.isnan(bootstrap_mean(np.full(3, np.nan))).all()


def test_pairing_sees_a_small_steady_difference_that_two_intervals_would_hide() -> None:
    a = values() + 0.02
    b = values() + np.random.default_rng(9).normal(scale=0.01, size=400)
    difference = paired_difference(a, b)
    assert difference.better
    assert difference.difference == pytest.approx(0.02, abs=0.002)
    assert not paired_difference(b, a).better
    assert bootstrap_mean(a).low < bootstrap_mean(b).high


def test_pairs_with_a_missing_side_are_left_out_and_shapes_must_agree() -> None:
    assert paired_difference(np.array([1.0, np.nan, 3.0]), np.array([0.0, 5.0, np.nan])).difference == 1.0
    with pytest.raises(ValueError, match="compare on the same users"):
        paired_difference(values(3), values(4))
    with pytest.raises(ValueError, match="compare on the same users"):
        paired_exposure_difference(exposures(3), exposures(4), coverage)


@pytest.mark.parametrize("statistic", [coverage, effective_catalogue, gini])
def test_interval_of_a_set_metric_holds_the_figure_that_resampling_shrinks(statistic: object) -> None:
    shown = exposures(n_users=60)
    interval = bootstrap_exposure(shown, statistic, resamples=300)
    assert interval.low < interval.value < interval.high
    assert interval.value == statistic(shown.sum(axis=0))  # type: ignore[operator]


def test_resampled_counts_are_those_of_users_drawn_with_replacement() -> None:
    shown = exposures(n_users=30)
    seen: list[np.ndarray] = []

    def spy(counts: np.ndarray) -> np.ndarray:
        seen.append(counts)
        return counts.sum(axis=-1)

    interval = bootstrap_exposure(shown, spy, resamples=50)
    assert seen[-1].shape == (50, 200)
    assert (seen[-1].sum(axis=1) == 300).all()  # 30 users of 10 items, however drawn
    assert (interval.low, interval.value, interval.high) == (300, 300, 300)


def test_difference_of_a_set_metric_is_paired() -> None:
    wide, narrow = exposures(), exposures(flat=False)
    difference = paired_exposure_difference(wide, narrow, effective_catalogue, resamples=300)
    assert difference.better
    assert not paired_exposure_difference(narrow, wide, effective_catalogue, resamples=300).better
    assert tuple(paired_exposure_difference(wide, wide, effective_catalogue, resamples=300)) == (0, 0, 0)


def test_many_columns_are_as_one_each_with_what_it_has() -> None:
    one = values()
    columns = np.column_stack(
        [one, 2 * one + 1, np.where(np.arange(400) < 100, one, np.nan), np.full(400, np.nan)]
    )
    found = bootstrap_means(columns, seed=1)
    alone = bootstrap_mean(one, seed=2)
    assert found[0] == pytest.approx(alone, abs=0.02)
    assert found[1] == pytest.approx(2 * found[0] + 1)  # the same users are drawn
    assert found[2, 0] == pytest.approx(one[:100].mean())
    assert found[2, 2] - found[2, 1] > 1.5 * (found[0, 2] - found[0, 1])
    assert np.isnan(found[3]).all()
    np.testing.assert_array_equal(bootstrap_means(columns, seed=1), found)
    assert bootstrap_means(np.zeros((0, 2))).shape == (2, 3)
