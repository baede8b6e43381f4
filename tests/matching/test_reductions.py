import numpy as np
import pytest

from tasks.matching.reductions import attended, log_mean_exp, maximum

SHAPE = (3, 4, 5)  # K, R, N


def slots(seed: int = 0) -> np.ndarray:
    """(K, R, N) cosines: item 0 has no text, item 1 has none in slot 0."""
    values = np.random.default_rng(seed).uniform(-1, 1, SHAPE).astype(np.float32)
    values[:, :, 0] = -np.inf
    values[0, :, 1] = -np.inf
    return values


def copies(values: np.ndarray) -> list[np.ndarray]:
    """Reductions may write into what they are given."""
    return [slot.copy() for slot in values]


def test_the_maximum_is_that_over_slots() -> None:
    np.testing.assert_array_equal(maximum(copies(slots())), slots().max(axis=0))


@pytest.mark.parametrize("temperature", [0.05, 0.3, 2.0])
def test_log_mean_exp_agrees_with_the_formula(temperature: float) -> None:
    values = slots().astype(np.float64)
    there = ~np.isinf(values[:, :1])
    with np.errstate(divide="ignore"):
        expected = temperature * np.log(
            np.exp(values / temperature).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
        )
    np.testing.assert_allclose(log_mean_exp(copies(slots()), temperature), expected, atol=1e-5)


def test_log_mean_exp_lies_between_mean_and_maximum() -> None:
    values = slots()[:, :, 2:]
    low, high = values.mean(axis=0), values.max(axis=0)
    np.testing.assert_allclose(log_mean_exp(copies(values), 1000.0), low, atol=1e-3)
    np.testing.assert_allclose(log_mean_exp(copies(values), 0.001), high, atol=2e-3)
    between = log_mean_exp(copies(values), 0.2)
    assert (low <= between + 1e-6).all() and (between <= high + 1e-6).all()


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_attention_agrees_with_a_softmax_over_slots_however_far_apart_logits_are(scale: float) -> None:
    rng = np.random.default_rng(1)
    logits = scale * rng.normal(size=SHAPE[:2])
    values = slots().astype(np.float64)
    there = np.maximum(values, -1e30)
    all_logits = np.where(np.isinf(values), -np.inf, logits[:, :, None] + 2.5 * there)[:, :, 1:]
    weight = np.exp(all_logits - all_logits.max(axis=0))
    expected = (weight / weight.sum(axis=0) * there[:, :, 1:]).sum(axis=0)
    found = attended(copies(values), list(logits), 2.5)
    np.testing.assert_allclose(found[:, 1:], expected, atol=1e-6)
    assert np.isneginf(found[:, 0]).all()
